//! The rules about the traffic of a connection.

use super::super::{Finding, Level, Observed, Rule};
use crate::section::Section;

/// Declares [`Key`] and the table of rules: id, level, RFC, section, requirements, title, why.
macro_rules! rules {
    ($($key:ident = $id:literal, $level:ident, $rfc:literal $section:literal, [$($requirement:literal),*],
       $title:literal, $why:literal;)*) => {
        /// Which rule.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub(super) enum Key {
            $($key,)*
        }

        /// The rules in the order of [`Key`].
        pub(super) const RULES: &[Rule] = &[$(Rule {
            id: concat!("h2.passive.", $id),
            title: $title,
            why: $why,
            level: Level::$level,
            section: Section::new($rfc, $section),
            requirements: &[$($requirement),*],
            check: of_traffic,
        }),*];
    };
}

/// One response says nothing about a connection; [`Monitor`](super::Monitor) judges that.
fn of_traffic(_: &Observed<'_>) -> Finding {
    Finding::Idle
}

rules! {
    FirstSettings = "first-settings", Must, 9113 "3.4", ["rfc9113-3.4-2", "rfc9113-6.5-1"],
        "the first frame is SETTINGS, and no acknowledgment",
        "A client tells by it that the server speaks HTTP/2, and under what limits.";
    FrameSize = "frame-size", Must, 9113 "4.2", ["rfc9113-4.1-1"],
        "no frame is larger than our SETTINGS_MAX_FRAME_SIZE",
        "The client has no room for more, and must give up the connection.";
    FrameLength = "frame-length", Must, 9113 "4.2", ["rfc9113-6.7-1"],
        "frames have the length of their type",
        "What is missing or too much is guessed, or ends the connection.";
    PaddingLength = "padding-length", Must, 9113 "6.1", [],
        "padding is shorter than the payload",
        "A client that trusts the length reads behind the frame.";
    PaddingZero = "padding-zero", Must, 9113 "6.1", ["rfc9113-6.1-1", "rfc9113-6.2-1", "rfc9113-6.6-2"],
        "padding is all zeros",
        "Other octets there may leak what the server had in its memory.";
    Flags = "undefined-flags", Must, 9113 "4.1", ["rfc9113-4.1-3"],
        "flags that a type does not define are unset",
        "A later meaning of the flag would be taken for meant.";
    Reserved = "reserved-bits", Must, 9113 "4.1", ["rfc9113-4.1-4"],
        "reserved bits are unset",
        "A client that does not mask them sees another stream or another number.";
    StreamFrames = "stream-frames", Must, 9113 "5.1.1",
        ["rfc9113-6.1-2", "rfc9113-6.2-4", "rfc9113-6.4-3", "rfc9113-6.10-3"],
        "frames of streams are not on stream 0",
        "They belong to no stream, and the client must give up the connection.";
    ConnectionFrames = "connection-frames", Must, 9113 "5.1.1", ["rfc9113-6.5-5"],
        "SETTINGS, PING and GOAWAY are on stream 0",
        "They speak of the whole connection; on a stream they are a connection error.";
    FrameTypes = "frame-types", Should, 9113 "5.5", ["rfc9113-5.5-5"],
        "frames are of registered types",
        "What a client does not know it drops, so that nothing may depend on it.";
    SettingsAckEmpty = "settings-ack-empty", Must, 9113 "6.5", ["rfc9113-6.5-3"],
        "the acknowledgment of SETTINGS is empty",
        "It is a frame size error, and ends the connection.";
    SettingsAsked = "settings-asked", Must, 9113 "6.5.3", ["rfc9113-6.5.3-4"],
        "one acknowledgment comes for each SETTINGS of ours, and none else",
        "A client that counts them believes in limits that are not in force.";
    SettingsAcked = "settings-acked", Must, 9113 "6.5.3", ["rfc9113-6.5.3-4", "rfc9113-3.4-3"],
        "SETTINGS are acknowledged before requests behind them are answered whole",
        "Until then the client cannot rely on its limits.";
    SettingsValues = "settings-values", Must, 9113 "6.5.2", ["rfc9113-6.5.2-10"],
        "SETTINGS_MAX_FRAME_SIZE and SETTINGS_INITIAL_WINDOW_SIZE are in range",
        "A value out of range is a connection error, or breaks the client's arithmetic.";
    EnablePush = "enable-push", Must, 9113 "6.5.2", ["rfc9113-6.5.2-4", "rfc9113-6.5.2-5"],
        "SETTINGS_ENABLE_PUSH of a server is 0, if there is any",
        "Clients cannot push; another value is a connection error.";
    ConcurrencyZero = "concurrency-zero", Should, 9113 "6.5.2", ["rfc9113-6.5.2-8"],
        "SETTINGS_MAX_CONCURRENT_STREAMS does not stay 0",
        "A connection on which no request may be made should be closed.";
    ConnectProtocolValue = "connect-protocol-value", Must, 8441 "3", ["rfc8441-3-1"],
        "SETTINGS_ENABLE_CONNECT_PROTOCOL is 0 or 1",
        "Another value means nothing.";
    ConnectProtocolKept = "connect-protocol-kept", Must, 8441 "3", ["rfc8441-3-2"],
        "extended CONNECT is not withdrawn once it was offered",
        "A client may already have begun one.";
    PrioritiesValue = "priorities-value", Must, 9218 "2.1", ["rfc9218-2.1-1"],
        "SETTINGS_NO_RFC7540_PRIORITIES is 0 or 1",
        "Another value is a connection error.";
    PrioritiesKept = "priorities-kept", Must, 9218 "2.1", ["rfc9218-2.1-3", "rfc9218-2.1-4"],
        "SETTINGS_NO_RFC7540_PRIORITIES is in the first SETTINGS or nowhere, and does not change",
        "A client chooses its scheme of priorities once.";
    PingAsked = "ping-asked", Must, 9113 "6.7", ["rfc9113-6.7-2", "rfc9113-6.7-5"],
        "a PING acknowledgment repeats a PING of ours, once",
        "A client measures round trips by it; another answer ends the wrong measurement.";
    IdleStream = "idle-stream", Must, 9113 "5.1", ["rfc9113-6.4-5", "rfc9113-5.1.1-1"],
        "frames come on streams that we opened or the server promised",
        "On a stream that nobody opened they are a connection error.";
    BlockContiguous = "block-contiguous", Must, 9113 "4.3",
        ["rfc9113-4.3-1", "rfc9113-6.2-2", "rfc9113-6.6-3", "rfc9113-6.10-1", "rfc9113-8.1-1"],
        "nothing comes between the frames of a field block",
        "The client must give up the connection, because it can no longer decompress.";
    ContinuationAlone = "continuation-alone", Must, 9113 "6.10", ["rfc9113-6.10-5"],
        "CONTINUATION continues a field block",
        "Alone it is a connection error.";
    BlockDecodes = "block-decodes", Must, 9113 "4.3", [],
        "field blocks can be decompressed",
        "From a broken block on, every later one means something else.";
    TableLimit = "table-limit", Must, 7541 "6.3", ["rfc7541-6.3-1", "rfc7541-4.2-1"],
        "the encoder's table stays within our SETTINGS_HEADER_TABLE_SIZE",
        "The client's decoder keeps no more, and the tables part.";
    TableUpdate = "table-update", Must, 7541 "4.2",
        ["rfc9113-4.3.1-1", "rfc7541-4.2-2", "rfc7541-4.2-3"],
        "the first block behind a lowered SETTINGS_HEADER_TABLE_SIZE begins with a size update",
        "Without it the client cannot know which entries the encoder still uses.";
    NameCase = "field-name-case", Must, 9113 "8.2", ["rfc9113-8.2-1", "rfc9113-8.2.1-3"],
        "field names are in lower case",
        "A client must treat the response as malformed.";
    NameForm = "field-name", Must, 9113 "8.2.1", ["rfc9113-8.2.1-3", "rfc9113-8.2.1-4"],
        "field names are tokens",
        "Passed on as HTTP/1.1, a name with a colon or a space becomes another field.";
    ValueForm = "field-value", Must, 9113 "8.2.1", ["rfc9113-8.2.1-5"],
        "field values hold no control octets",
        "Passed on as HTTP/1.1, a line end in a value begins a field, or a response.";
    ValueWhitespace = "field-value-whitespace", Must, 9113 "8.2.1", ["rfc9113-8.2.1-6"],
        "field values neither start nor end with whitespace",
        "Some recipients trim it and others do not, and so compare differently.";
    ConnectionFields = "connection-fields", Must, 9113 "8.2.2", ["rfc9113-8.2.2-1"],
        "no field speaks of an HTTP/1.1 connection",
        "A client must treat the response as malformed.";
    StatusPresent = "status-present", Must, 9113 "8.3.2", ["rfc9113-8.3.2-1"],
        "every response has :status, of three digits",
        "Without it there is no response.";
    PseudoKnown = "pseudo-fields", Must, 9113 "8.3", ["rfc9113-8.3-1", "rfc9113-8.3-2"],
        "responses have no pseudo-field but :status",
        "Others are not defined for responses, which makes them malformed.";
    PseudoFirst = "pseudo-fields-first", Must, 9113 "8.3", ["rfc9113-8.3-5"],
        "pseudo-fields come before the fields",
        "A client may have begun to act on the fields.";
    PseudoOnce = "pseudo-fields-once", Must, 9113 "8.3", ["rfc9113-8.3-7"],
        "no pseudo-field comes twice",
        "Of two statuses each recipient takes another.";
    Switching = "switching-protocols", Must, 9113 "8.6", ["rfc9113-8.6-i1"],
        "no response has the status 101",
        "HTTP/2 does not upgrade; the client has nothing to do with it.";
    InterimEnds = "interim-ends", Must, 9113 "8.1", ["rfc9113-8.1-i1"],
        "no interim response ends the stream",
        "The final response would never come.";
    HeadFirst = "head-first", Must, 9113 "8.1", ["rfc9113-8.1-i1"],
        "the final response head comes before DATA and the end of the stream",
        "Content without a status cannot be used.";
    TrailersPseudo = "trailers-pseudo-fields", Must, 9113 "8.1", ["rfc9113-8.1-2", "rfc9113-8.3-3"],
        "trailers have no pseudo-fields",
        "A second status would come too late to be obeyed.";
    TrailersEnd = "trailers-end", Must, 9113 "8.1", ["rfc9113-8.1-i1"],
        "HEADERS behind the response head end the stream",
        "Nothing may follow trailers; a client must treat the response as malformed.";
    LengthExact = "length-exact", Must, 9113 "8.1.1", ["rfc9113-8.1.1-i2"],
        "DATA is as long as Content-Length says",
        "A client must treat the response as malformed; a hop before HTTP/1.1 would desynchronise.";
    NoContent = "no-content", Must, 9110 "6.4.1",
        ["rfc9110-9.3.2-1", "rfc9110-15.3.5-i1", "rfc9110-15.4.5-i1"],
        "204, 304 and answers to HEAD have no content",
        "The client does not expect any, and has no use for it.";
    TunnelFrames = "tunnel-frames", Must, 9113 "8.5", ["rfc9113-8.5-2"],
        "nothing but DATA and stream management follows 2xx to CONNECT",
        "The stream is a tunnel; fields have no meaning in it.";
    StreamWindow = "stream-window", Must, 9113 "6.9.1",
        ["rfc9113-5.2.1-1", "rfc9113-6.9.1-1", "rfc9113-6.9.2-1", "rfc9113-6.9.2-2"],
        "DATA stays within the window of its stream",
        "The client has no room for more, and must reset the stream.";
    ConnectionWindow = "connection-window", Must, 9113 "6.9.1", ["rfc9113-5.2.1-1", "rfc9113-6.9.1-1"],
        "DATA stays within the window of the connection",
        "The client has no room for more, and must give up the connection.";
    WindowIncrement = "window-increment", Must, 9113 "6.9", [],
        "WINDOW_UPDATE adds at least 1",
        "An increment of 0 is an error of the stream or the connection.";
    WindowOverflow = "window-overflow", Must, 9113 "6.9.1", ["rfc9113-6.9.1-2"],
        "no window of the server grows above 2^31-1",
        "The client must reset the stream or give up the connection.";
    BehindEnd = "behind-end", Must, 9113 "5.1", ["rfc9113-5.1-8"],
        "no HEADERS, DATA or PUSH_PROMISE follow END_STREAM",
        "The client has done with the stream; what follows belongs to no response.";
    BehindReset = "behind-reset", Must, 9113 "5.1", ["rfc9113-5.1-8"],
        "nothing but PRIORITY follows the server's RST_STREAM",
        "The client has forgotten the stream.";
    BehindOurReset = "behind-our-reset", Must, 9113 "6.4", ["rfc9113-6.4-1", "rfc9113-5.4.2-3"],
        "nothing but PRIORITY comes on a stream that the server knows to be reset by us",
        "The client has cancelled it to be rid of its frames.";
    ResetOnce = "reset-once", Should, 9113 "5.4.2", ["rfc9113-5.4.2-2", "rfc9113-5.4-1"],
        "a stream is reset once",
        "One is enough; more may go on for ever.";
    ResetNoError = "reset-no-error", Should, 9113 "8.1", ["rfc9113-8.1-i2"],
        "RST_STREAM with NO_ERROR comes behind a whole response",
        "It means that the rest of the request is not needed; a client waits for the response.";
    RefusedBegun = "refused-begun", Must, 9113 "8.7", ["rfc9113-8.7-1", "rfc9113-8.7-2"],
        "no stream is refused on which a response has begun",
        "The client sends the request again, because refused means that nothing was done.";
    ErrorCodes = "error-codes", Should, 9113 "7", [],
        "error codes are registered ones",
        "The client learns nothing from another.";
    GoAwayLowers = "goaway-lowers", Must, 9113 "6.8", ["rfc9113-6.8-5"],
        "the last stream of a later GOAWAY is not higher",
        "The client may already have sent those requests elsewhere.";
    GoAwayOpened = "goaway-opened", Should, 9113 "6.8", [],
        "the last stream of GOAWAY is one that we opened, 0, or 2^31-1",
        "Streams that do not exist yet cannot have been processed.";
    GoAwayGraceful = "goaway-graceful", Should, 9113 "6.8", ["rfc9113-6.8-6"],
        "a graceful end begins with GOAWAY of 2^31-1",
        "Requests on their way would be lost without a round trip between warning and end.";
    GoAwayUnprocessed = "goaway-unprocessed", Must, 9113 "6.8", ["rfc9113-6.8-i1", "rfc9113-8.7-1"],
        "no stream above the last one of GOAWAY is answered",
        "The client takes it as not processed, and sends the request again.";
    GoAwayOneError = "goaway-one-error", Should, 9113 "5.4", ["rfc9113-5.4-1", "rfc9113-5.4-2"],
        "one error of the connection is told, once",
        "A client cannot tell which of several made the connection end.";
    GoAwayBeforeClose = "goaway-before-close", Should, 9113 "6.8",
        ["rfc9113-6.8-2", "rfc9113-9.1-3", "rfc9113-5.4.1-1", "rfc9113-5.4.1-3"],
        "GOAWAY comes before a close",
        "Without it a client cannot know which of its requests it may send again.";
    PriorityUpdate = "priority-update", Must, 9218 "7.1", ["rfc9218-7.1-10"],
        "a server sends no PRIORITY_UPDATE",
        "Only clients have priorities to tell; from a server it is a connection error.";
    PushDisabled = "push-disabled", Must, 9113 "6.6", ["rfc9113-6.5.2-1", "rfc9113-6.6-7"],
        "no PUSH_PROMISE comes once SETTINGS_ENABLE_PUSH of 0 was acknowledged",
        "The client has said that it does not want any.";
    PushStream = "push-stream", Must, 9113 "6.6",
        ["rfc9113-6.6-1", "rfc9113-6.6-5", "rfc9113-6.6-9", "rfc9113-8.4.1-6", "rfc9113-5.1.1-1"],
        "PUSH_PROMISE is on a stream of ours that is open, and promises a new even one",
        "A promise elsewhere is a connection error.";
    PushRequest = "push-request", Must, 9113 "8.4",
        ["rfc9113-8.4-1", "rfc9113-8.4.1-1", "rfc9113-8.4.1-2"],
        "a promised request is complete, and its method GET or HEAD",
        "The client has to be able to take it for one of its own.";
    PushReserved = "push-reserved", Must, 9113 "5.1", ["rfc9113-5.1-3"],
        "a promised stream begins with HEADERS",
        "DATA or WINDOW_UPDATE before them are a connection error.";
    PushConcurrency = "push-concurrency", Must, 9113 "5.1.2", ["rfc9113-5.1.2-1"],
        "no more promised streams are open than our SETTINGS_MAX_CONCURRENT_STREAMS allows",
        "The client has room for no more.";
    PushBehindGoAway = "push-behind-goaway", Must, 9113 "6.8", ["rfc9113-6.8-1"],
        "no stream above the last one of our GOAWAY is opened by the server",
        "The client has said that it will look at none.";
}
