//! The order of blocks.

use crate::random::Random;

/// Which lane has its turn when: rounds in which every lane has one block.
///
/// Rounds come in fours: an order by chance, its reverse twice, and the order again; with two lanes `AB BA BA AB` or
/// `BA AB AB BA`. Over four whole rounds every lane has the same mean place, and with two lanes the same mean square of places, so that
/// neither a steady drift nor one that slows down favours any.
pub fn order(lanes: usize, rounds: usize, seed: u64) -> Vec<Vec<usize>> {
    let mut random = Random::new(seed);
    let mut forth: Vec<usize> = (0..lanes).collect();
    let mut order = Vec::with_capacity(rounds);
    for round in 0..rounds {
        if round % 4 == 0 {
            random.shuffle(&mut forth);
        }
        let mut turn = forth.clone();
        if matches!(round % 4, 1 | 2) {
            turn.reverse();
        }
        order.push(turn);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_lanes_take_turns_there_and_back() {
        let fours: Vec<_> = (0..20).flat_map(|seed| order(2, 4, seed)).collect();
        for four in fours.chunks(4) {
            let (a, b) = (four[0].clone(), four[1].clone());
            assert_eq!(four, [a.clone(), b.clone(), b, a]);
        }
        assert!(fours.chunks(4).any(|four| four[0] == [0, 1]));
        assert!(fours.chunks(4).any(|four| four[0] == [1, 0]));
    }

    #[test]
    fn every_lane_has_the_same_mean_place() {
        for lanes in 1..6 {
            let places: Vec<_> = order(lanes, 8, 3).into_iter().flatten().collect();
            let sum = |lane: usize| -> usize {
                places
                    .iter()
                    .enumerate()
                    .filter(|(_, at)| **at == lane)
                    .map(|(place, _)| place)
                    .sum()
            };
            assert!((0..lanes).all(|lane| sum(lane) == sum(0)), "{lanes} lanes");
        }
    }

    #[test]
    fn every_round_has_every_lane_once() {
        for mut round in order(5, 7, 4) {
            round.sort_unstable();
            assert_eq!(round, [0, 1, 2, 3, 4]);
        }
    }

    #[test]
    fn the_order_is_the_same_for_one_seed() {
        assert_eq!(order(3, 12, 5), order(3, 12, 5));
        assert!(order(0, 3, 5).iter().all(Vec::is_empty));
    }
}
