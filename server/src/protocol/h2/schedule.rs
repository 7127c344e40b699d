//! Whose turn it is to send content (RFC 9218 §10).

use falconry_wire::h2::{Priority, StreamId};

/// The place of the stream that is to send next, of those that can. They come in the order in which
/// they sent last, each with its place.
///
/// The most urgent ones come first. Of the same urgency, the oldest response that is not incremental
/// and all that are incremental take turns: none of them starves.
pub(super) fn turn(
    ready: impl Iterator<Item = (usize, StreamId, Priority)> + Clone,
) -> Option<usize> {
    let urgency = ready.clone().map(|(.., priority)| priority.urgency).min()?;
    let mut urgent = ready.filter(|(.., priority)| priority.urgency == urgency);
    let in_order = urgent.clone().filter(|(.., priority)| !priority.incremental);
    let oldest = in_order.map(|(_, id, _)| id).min();
    let turn = urgent.find(|(_, id, priority)| priority.incremental || Some(*id) == oldest)?;
    Some(turn.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The order in which streams send, each so many frames with that value of Priority.
    fn order(streams: &[(u32, &str, usize)]) -> Vec<u32> {
        let mut waiting: Vec<_> = streams
            .iter()
            .map(|&(id, value, frames)| {
                let priority = Priority::parse(value.as_bytes()).unwrap();
                (StreamId::new(id).unwrap(), priority, frames)
            })
            .collect();
        let mut order = Vec::new();
        loop {
            let ready = waiting.iter().enumerate();
            let Some(at) = turn(ready.map(|(at, &(id, priority, _))| (at, id, priority))) else {
                return order;
            };
            let (id, priority, frames) = waiting.remove(at);
            order.push(id.get());
            if frames > 1 {
                waiting.push((id, priority, frames - 1));
            }
        }
    }

    #[test]
    fn nobody_has_a_turn_where_nobody_can_send() {
        assert_eq!(turn(std::iter::empty()), None);
    }

    #[test]
    fn the_most_urgent_comes_first_whatever_its_number() {
        assert_eq!(order(&[(1, "u=7", 1), (3, "", 2), (5, "u=0, i", 2)]), [5, 5, 3, 3, 1]);
    }

    #[test]
    fn what_is_not_incremental_goes_in_the_order_of_requests() {
        assert_eq!(order(&[(5, "", 2), (1, "", 2), (3, "", 1)]), [1, 1, 3, 5, 5]);
    }

    #[test]
    fn what_is_incremental_shares() {
        assert_eq!(order(&[(1, "i", 3), (3, "i", 1), (5, "i", 2)]), [1, 3, 5, 1, 5, 1]);
    }

    #[test]
    fn neither_kind_starves_the_other() {
        let order = order(&[(1, "", 3), (3, "i", 3), (5, "", 1), (7, "i", 3)]);
        assert_eq!(order, [1, 3, 7, 1, 3, 7, 1, 5, 3, 7]);
    }
}
