//! The load generator behind `falconry load`.
//!
//! A [`plan::Plan`] says what is to be sent when, a [`request::Mix`] what, a [`connect::Connector`]
//! where to. [`run`] starts a worker a core; each opens its connections and drives them by an engine of its protocol
//! ([`protocol`]), asks its [`plan::Source`] for the next request that is due, and writes down three clocks of each:
//! when it was planned, when it was written, when it was finished. What it saw goes to a
//! [`record::Recorder`] of its own, in histograms that merge without loss; a [`record::Recording`]
//! is all that a run has to say, and everything else ([`stats`], [`report`], [`shard`], [`compare`])
//! is made from recordings.
//!
//! | module | topic |
//! | --- | --- |
//! | [`plan`] | schedules in closed form, arrivals, shards, the source of due requests |
//! | [`request`] | what is sent: templates, mixes, fixtures |
//! | [`connect`] | opening a connection: name, TCP, TLS, each timed |
//! | [`protocol`] | the engines, without I/O: HTTP/1.1, HTTP/2 |
//! | [`worker`] | a thread, its runtime, pacer and connections |
//! | [`run`] | workers together, from start to recording |
//! | [`record`] | samples, series, intervals, recordings |
//! | [`error`] | what can go wrong, by phase and cause |
//! | [`verify`] | passive rules and content checks under load |
//! | [`stats`] | percentiles, intervals of confidence, verdicts, expectations |
//! | [`compare`] | the same plan over several protocols or targets, in alternating blocks |
//! | [`shard`] | shard directories and their merge |
//! | [`sample`] | what processes use while the load runs |
//! | [`report`] | the text, JSON, CSV, `.hgrm`, `.hlog`, JUnit, HTML and live forms, every request as TSV |

pub mod clock;
pub mod compare;
pub mod connect;
pub mod error;
mod hash;
pub mod plan;
pub mod protocol;
mod random;
pub mod record;
pub mod report;
pub mod request;
pub mod run;
pub mod sample;
pub mod shard;
pub mod stats;
mod units;
pub mod verify;
pub mod worker;
