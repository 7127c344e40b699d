//! Plans and requests out of the options.

use std::time::Duration;

use falconry_fixtures::Values;
use falconry_loadgen::connect::{self, Settings, Target, Trust};
use falconry_loadgen::plan::{End, Load, Plan, Session, Shard};
use falconry_loadgen::protocol::Announced;
use falconry_loadgen::protocol::h2::Http2Options;
use falconry_loadgen::request::{Content, List, Mix, Options};
use falconry_loadgen::run::Timeouts;

use super::args::{ConnectionArgs, LoadArgs, RequestArgs};
use super::subject::Subject;
use super::{Refusal, read};
use crate::output::complain;

/// How long a run takes if nobody says, and each lane where there are several.
const DURATION: Duration = Duration::from_secs(10);
const LANE_DURATION: Duration = Duration::from_secs(5);

/// Connections if nobody says.
const CONNECTIONS: usize = 16;

/// What a block sends before it is measured if nobody says: the first requests pay for page faults and slow start.
const BLOCK_WARM_UP: Duration = Duration::from_millis(200);

/// The rate at which the reference server is shown when nothing is asked for, in requests per second: far below what it
/// can do, so that the latencies are its own.
const SHOWN_RATE: &str = "2000";

/// What is sent in one block of a lane; `blocks` is 1 where there is one lane only.
pub(super) fn plan(args: &LoadArgs, blocks: usize, threads: usize) -> Result<Plan, Refusal> {
    let many = u32::try_from(blocks).unwrap_or(u32::MAX);
    let total = args.duration.unwrap_or(if blocks > 1 { LANE_DURATION } else { DURATION });
    // In whole milliseconds: a plan is read by people.
    let length = total / many;
    let length = Duration::from_millis(u64::try_from(length.as_millis()).unwrap_or(u64::MAX))
        .max(length.min(Duration::from_millis(1)));
    let shown = SHOWN_RATE.parse().map_err(|error| Refusal::usage(format!("{error}")))?;
    let rate = args.rate.as_ref().or(args.asks_for_nothing().then_some(&shown));
    let load = match (rate, args.count) {
        (None, None) => Load::Closed(End::After(length)),
        (None, Some(count)) => Load::Closed(End::Count(count.div_ceil(u64::from(many)))),
        (Some(rate), count) => {
            let arrivals = args.arrivals.into();
            let session = session(args);
            let length = match count {
                Some(count) => {
                    Some(time_of(rate, sessions(count, session)?.div_ceil(u64::from(many)))?)
                }
                None if rate.is_open() => Some(length),
                // A schedule that says how long it takes is carried out whole in each block.
                None => args.duration,
            };
            let schedule = rate.over(length);
            Load::Open(
                schedule.map_err(|error| Refusal::usage(format!("--rate: {error}")))?,
                arrivals,
                session,
            )
        }
    };
    let warm_up = args.warm_up.unwrap_or(if blocks > 1 { BLOCK_WARM_UP } else { Duration::ZERO });
    let plan = Plan {
        load,
        warm_up,
        connections: args.connections.unwrap_or(CONNECTIONS),
        in_flight: args.in_flight.unwrap_or(1),
        threads,
        requests_per_connection: match args.connection.close {
            true => Some(1),
            false => args.connection.requests_per_connection,
        },
        drain: args.drain,
        shard: args.shard.unwrap_or(Shard { index: 0, count: 1 }),
        seed: args.seed,
    };
    plan.checked().map_err(|error| Refusal::usage(error.to_string()))
}

/// What arrives.
fn session(args: &LoadArgs) -> Session {
    Session {
        requests: args.session.unwrap_or(Session::SINGLE.requests),
        think: args.think.unwrap_or(Session::SINGLE.think),
    }
}

/// In how many sessions so many requests are.
fn sessions(count: u64, session: Session) -> Result<u64, Refusal> {
    let each = u64::from(session.requests);
    match count.is_multiple_of(each) {
        true => Ok(count / each),
        false => Err(Refusal::usage(format!(
            "-n {count} is no number of whole sessions: give a multiple of {each} (--session)"
        ))),
    }
}

/// How long a constant rate takes for so many arrivals.
fn time_of(rate: &falconry_loadgen::plan::Rate, count: u64) -> Result<Duration, Refusal> {
    let mend = "-n beside --rate needs one constant rate without a length, like --rate 1000";
    let second =
        rate.over(Some(Duration::from_secs(1))).map_err(|_| Refusal::usage(mend.into()))?;
    match second.pieces[..] {
        [piece] if rate.is_open() && piece.from == piece.to && piece.from > 0.0 => {
            let time = Duration::try_from_secs_f64(count as f64 / piece.from);
            time.map_err(|_| Refusal::usage(mend.into()))
        }
        _ => Err(Refusal::usage(mend.into())),
    }
}

/// What is sent to a subject.
pub(super) fn mix(args: &LoadArgs, subject: &Subject) -> Result<Mix, Refusal> {
    let target = &subject.target;
    let origin = target.origin();
    if let Some(filter) = &args.request.mix {
        let authority = target.authority();
        let values = match subject.is_reference {
            true => Values::reference(authority, target.scheme()),
            false => Values::new(authority, target.scheme()),
        };
        let cases = Mix::of_cases(filter, &values, args.seed).map_err(Refusal::usage)?;
        if !args.quiet {
            complain(&format!("{filter}: {cases}"));
        }
        return Ok(cases.mix);
    }
    let options = options(&args.request)?;
    let mix = match &args.request.urls {
        Some(path) => List::read(path).and_then(|list| list.mix(origin, &options, args.seed)),
        None => options.mix(origin, &[target.path().to_owned()], args.seed),
    };
    mix.map_err(Refusal::usage)
}

/// The origin that a file of URLs names, for a run without a target.
pub(super) fn target_of_list(args: &RequestArgs) -> Result<Option<String>, Refusal> {
    let Some(path) = &args.urls else { return Ok(None) };
    let list = List::read(path).map_err(Refusal::usage)?;
    Ok(list.origin().map(ToString::to_string))
}

fn options(args: &RequestArgs) -> Result<Options, Refusal> {
    let content = match (&args.body, &args.body_file) {
        (Some(text), _) => Some(Content::Template(text.clone())),
        (None, Some(path)) => Some(Content::Octets(read(path)?.into())),
        (None, None) => None,
    };
    Ok(Options { method: args.method.clone(), fields: args.fields.clone(), content })
}

/// How connections are opened.
pub(super) fn settings(args: &ConnectionArgs, subject: &Subject) -> Result<Settings, Refusal> {
    let connect_to = args.connect_to.iter().map(|place| connect::connect_to(place));
    Ok(Settings {
        connect_to: connect_to.collect::<Result<_, _>>().map_err(Refusal::usage)?,
        timeout: Some(args.connect_timeout),
        sources: args.bind.clone(),
        server_name: args.sni.clone(),
        send_server_name: !args.no_sni,
        alpn: match &args.alpn[..] {
            [] => None,
            names => Some(names.iter().map(|name| name.clone().into_bytes()).collect()),
        },
        trust: match &args.cacert {
            _ if args.insecure || subject.is_here() => Trust::Anyone,
            Some(path) => Trust::File(path.clone()),
            None => Trust::System,
        },
        identity: args.cert.clone().zip(args.key.clone()),
        resume: args.resume,
        key_log: args.keylog.clone(),
        announced: announced(args),
        ..Settings::default()
    })
}

/// What is announced where the command line says so.
fn announced(args: &ConnectionArgs) -> Announced {
    let usual = Http2Options::default();
    Announced {
        h2: Http2Options {
            stream_window: args.h2_window.unwrap_or(usual.stream_window),
            connection_window: args.h2_connection_window.unwrap_or(usual.connection_window),
            ..usual
        },
    }
}

pub(super) fn timeouts(args: &ConnectionArgs) -> Timeouts {
    Timeouts {
        first_byte: args.first_byte_timeout,
        request: Some(args.timeout),
        idle: args.idle_timeout,
        deadline: args.deadline,
    }
}

/// Whether a target is on this machine, as far as its name says.
pub(super) fn is_local(target: &Target) -> bool {
    use falconry_transport::Target as Place;
    match target.origin().place() {
        Place::Tcp(host, _) => {
            host.eq_ignore_ascii_case("localhost")
                || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        _ => true,
    }
}
