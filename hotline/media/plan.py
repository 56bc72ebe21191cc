"""What the media plane is told, and what it tells: one dataclass a message.

Commands are imperatives, events are past participles. All carry ``call_id``; the plane knows
nothing else about a call. The wire edge turns them into bytes for the plane's process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from hotline.events.ids import CallId, RecordingId


class Codec(Enum):
    """A codec that the plane speaks, by its RTP/AVP payload type (RFC 3551, table 4); Opus has none."""

    PCMU = 0
    PCMA = 8
    G722 = 9
    OPUS = -1

    @property
    def suffix(self) -> str:
        """File name ending of a header-less recording in this codec."""
        return ".ulaw" if self is Codec.PCMU else ".alaw"


@dataclass(frozen=True, slots=True)
class Srtp:
    """Keys of a protected stream (RFC 3711, RFC 4568); its text shows none of them."""

    suite: str
    """``AES_CM_128_HMAC_SHA1_80`` or ``AES_CM_128_HMAC_SHA1_32``."""
    send_key: bytes = field(repr=False)
    """Master key and salt, 30 bytes, for what we send."""
    receive_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class OpenPort:
    """Give a call a local RTP port; answered by PortOpened, where none was named, or MediaFailed."""

    call_id: CallId
    remote_ip: str
    """Numeric address from the peer's SDP; empty while unknown (delayed offer: Aim follows)."""
    remote_port: int
    codec: Codec
    event_payload_type: int | None
    """Payload type of telephone-event/8000 in the agreed SDP (RFC 4733); None when not agreed."""
    may_latch: bool = False
    """True where the peer may be behind a NAT: the first packet with an agreed payload type
    fixes the source, once."""
    payload_type: int = -1
    """What the peer calls the codec; negative: the codec's own number."""
    sends: bool = True
    """False: the peer holds us; nothing is sent, what it sends is taken."""
    srtp: Srtp | None = None
    """None: plain RTP."""
    local_ip: str = ""
    """Address to open the port at, which also tells the family; empty: the plane's own."""
    event_clock_hz: int = 0
    """Clock that telephone-event counts by where it is not the voice's; 0: the voice's own."""
    local_port: int = 0
    """Which port (``hotline.media.ports``); 0: any that is free."""
    receives: bool = True
    """False: the peer said that it sends nothing; it is heard all the same, but not missed."""
    rtcp_ip: str = ""
    """Where the peer wants RTCP (RFC 3605); empty: where its voice is."""
    rtcp_port: int = 0
    """0: the port above its voice's."""
    rtcp_mux: bool = False
    """True: RTCP goes both ways over the voice's ports (RFC 5761)."""


@dataclass(frozen=True, slots=True)
class Aim:
    """Send to, and accept from, another address from now on (delayed offer, re-INVITE)."""

    call_id: CallId
    remote_ip: str
    remote_port: int
    codec: Codec
    event_payload_type: int | None
    payload_type: int = -1
    sends: bool = True
    srtp: Srtp | None = None
    """Other keys than before start the stream's protection anew."""
    event_clock_hz: int = 0
    receives: bool = True
    rtcp_ip: str = ""
    rtcp_port: int = 0
    rtcp_mux: bool = False


@dataclass(frozen=True, slots=True)
class ExpectVoice:
    """The call is answered: from now on a voice that does not come is told (VoiceMissing)."""

    call_id: CallId


@dataclass(frozen=True, slots=True)
class Bridge:
    """Let two calls hear each other from the next frame on; what they play ends.

    Frames pass as they are where the codecs agree; where not they are transcoded. Keys in the voice
    stream (RFC 4733) pass as well, under the other side's payload type, and are still reported.
    Play and recordings of either call stand above the bridge: a call that is played to hears that.
    """

    call_id: CallId
    other: CallId


@dataclass(frozen=True, slots=True)
class Mix:
    """Let some calls hear each other as a table says, from the next frame on (monitor, three that talk).

    Who hears one other alone is passed that one's packets as by Bridge; who hears several hears their sum.
    What any of them heard before ends, unless it stands here too: the same table changed is a Mix with
    another one, and nobody whose row is the same notices. Play and recordings stand above, as above a
    bridge, and go on.
    """

    call_id: CallId
    """One of them; the others are named by the table."""
    hears: Sequence[tuple[CallId, CallId]]
    """Who hears whom: listener and speaker. Two that hear each other and stand first are a pair: a recording
    of one on both sides takes the other for its far side."""


@dataclass(frozen=True, slots=True)
class Unbridge:
    """Let a call and those it is bridged or mixed with hear each other no more."""

    call_id: CallId


@dataclass(frozen=True, slots=True)
class Play:
    """Play prompts one after the other, in place of what is playing now."""

    call_id: CallId
    prompts: Sequence[str]
    """Names as ``zh/greeting``: language and file stem under ``ivr_flows/prompts``."""
    tag: int
    """Comes back in PromptEnded, so that a late end of an old prompt is told from the new one's."""
    repeats: bool = False
    """True: over and over until StopPlaying, Play or Bridge (music on hold, a ringing tone)."""
    stops_at_keys: str = ""
    """Keys (of ``0123456789*#ABCD``) at which the plane falls silent by itself, in the tick that hears
    them; DigitPressed and then PromptEnded tell it."""
    stops_at_speech: bool = False
    """True: the same when the caller begins to speak (SpeechStarted, then PromptEnded)."""


@dataclass(frozen=True, slots=True)
class NoteKey:
    """Take a key that signalling told of (SIP INFO); answered by DigitPressed unless it was heard already."""

    call_id: CallId
    digit: str


@dataclass(frozen=True, slots=True)
class WatchLevel:
    """Tell five times a second how loud a call is (LevelHeard), or no longer."""

    call_id: CallId
    is_on: bool


@dataclass(frozen=True, slots=True)
class Tap:
    """Send a call's voice to a subscriber as it comes (``hotline.media.taps``), or no longer."""

    call_id: CallId
    subscriber: str
    """Path of a unix datagram socket; one that has gone is sent nothing more."""
    is_on: bool = True


@dataclass(frozen=True, slots=True)
class StopPlaying:
    """Fall silent within one frame; no PromptEnded follows."""

    call_id: CallId


@dataclass(frozen=True, slots=True)
class Record:
    """Start to record what the caller sends, as it comes, gaps filled with silence."""

    call_id: CallId
    recording_id: RecordingId
    longest_s: float
    """The plane closes the recording by itself after so many seconds."""
    both: bool = False
    """True: also record, in a file of its own, whoever is bridged with her, now or later. Then both
    files begin at this moment, so that their samples of the same number were said at the same time."""
    resumed_s: float = 0.0
    """Above 0: so long ago it was begun by a plane that died; what that one wrote goes on, with silence in
    place of what was said while there was none."""
    spoken_ms: int = 0
    """How much of what that one wrote was speech."""


@dataclass(frozen=True, slots=True)
class FinishRecording:
    """Close a recording that a plane left open which died; answered by RecordingClosed."""

    call_id: CallId
    recording_id: RecordingId
    codec: Codec
    """Law of its leg; where nothing was written, of an empty recording."""
    spoken_ms: int


@dataclass(frozen=True, slots=True)
class PauseRecording:
    """Write silence of the same length in place of what is said from now on; answered by RecordingPaused.

    Nothing happens when no recording is open, or when it pauses already.
    """

    call_id: CallId
    longest_s: float
    """It goes on by itself after so long: a pause that somebody forgot must not cost the rest."""


@dataclass(frozen=True, slots=True)
class ResumeRecording:
    """Write what is said again; answered by RecordingResumed. Nothing happens when nothing pauses."""

    call_id: CallId


@dataclass(frozen=True, slots=True)
class StopRecording:
    """Close the recording: fsync, rename, fsync the folder; answered by RecordingClosed."""

    call_id: CallId


@dataclass(frozen=True, slots=True)
class ClosePort:
    """End the call's media; an open recording is closed first (RecordingClosed still comes)."""

    call_id: CallId


MediaCommand = (
    OpenPort
    | Aim
    | ExpectVoice
    | Bridge
    | Mix
    | Unbridge
    | Play
    | NoteKey
    | WatchLevel
    | Tap
    | StopPlaying
    | Record
    | FinishRecording
    | PauseRecording
    | ResumeRecording
    | StopRecording
    | ClosePort
)


@dataclass(frozen=True, slots=True)
class PortOpened:
    """The call has a port; answer the SDP with it."""

    call_id: CallId
    local_ip: str
    local_port: int


@dataclass(frozen=True, slots=True)
class PortMoved:
    """The plane of the call died, or it goes over to another one: its voice is expected here from now on.

    All that was commanded goes on (a prompt from its beginning); the other side is to be told by a re-INVITE.
    """

    call_id: CallId
    local_ip: str
    local_port: int
    """May be the one of before."""


@dataclass(frozen=True, slots=True)
class PromptEnded:
    """The last frame of the last prompt of a Play was sent."""

    call_id: CallId
    tag: int


@dataclass(frozen=True, slots=True)
class DigitPressed:
    """The caller pressed a key, counted once however it came."""

    call_id: CallId
    digit: str
    """One of ``0123456789*#ABCD``."""


@dataclass(frozen=True, slots=True)
class LevelHeard:
    """How loud the call was in the last fifth of a second of its voice."""

    call_id: CallId
    dbov: float
    """Mean power, 0 at overload, -127 for silence (RFC 6464); a good voice has some -30."""


@dataclass(frozen=True, slots=True)
class KeyUnsent:
    """Whom this call is bridged with pressed a key, and its voice cannot tell it: send it by SIP INFO."""

    call_id: CallId
    """Who is to have it."""
    digit: str


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The voice activity detector heard the caller begin."""

    call_id: CallId


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The caller fell silent (after the detector's hang-over of some 300 ms)."""

    call_id: CallId


@dataclass(frozen=True, slots=True)
class RecordingPaused:
    """From here on the recording holds silence."""

    call_id: CallId
    recording_id: RecordingId
    at_ms: int
    """Place in the recording."""


@dataclass(frozen=True, slots=True)
class RecordingResumed:
    """From here on the recording holds what is said."""

    call_id: CallId
    recording_id: RecordingId
    at_ms: int
    is_forgotten: bool = False
    """True when nobody commanded it: the longest pause was over."""


@dataclass(frozen=True, slots=True)
class FarSide:
    """The file of what was said to the caller by those she was bridged with."""

    path: str
    """Relative to the recordings folder."""
    codec: Codec
    length_samples: int
    sha256: str


@dataclass(frozen=True, slots=True)
class RecordingClosed:
    """A recording is safe on disk under its final name."""

    call_id: CallId
    recording_id: RecordingId
    path: str
    """Relative to the recordings folder, for example ``2026-11-23/20261123-1f3a-1.alaw``."""
    codec: Codec
    length_samples: int
    """At 8,000 a second; zero-length recordings leave no file and an empty path."""
    speech_ms: int
    """How much of it the voice activity detector took for speech."""
    sha256: str
    far: FarSide | None = None
    """None: nobody was bridged with her, or only her side was to be recorded."""


@dataclass(frozen=True, slots=True)
class LegQuality:
    """How good a leg's voice is, all of it so far; told when the score has changed, and at the end.

    Loss is what was settled: of the last second's packets some may still come.
    """

    call_id: CallId
    codec: Codec
    is_final: bool
    mos: float | None
    """Of what we hear: 1 to 4.5 (``hotline.media.quality``); None before anything came."""
    expected: int
    """Packets that were sent to us, as their numbers tell."""
    lost: int
    late: int
    """Came more than 120 ms behind the fastest."""
    duplicates: int
    reordered: int
    jitter_ms: float
    """Mean of the interarrival jitter (RFC 3550, 6.4.1)."""
    jitter_max_ms: float
    longest_gap_ms: int
    """Longest row of lost packets."""
    burst_ratio: float
    """1 where packets are lost at random, more where in rows (G.107)."""
    round_trip_ms: float | None
    """None where the other side sends no reports."""
    sent: int
    far_mos: float | None
    """Of what the other side hears of us, as it reports; None without reports."""
    far_loss: float | None
    """0 to 1."""
    far_jitter_ms: float | None

    @property
    def loss(self) -> float:
        """What part of the packets could not be heard, 0 to 1."""
        return min(1.0, (self.lost + self.late) / self.expected) if self.expected else 0.0


@dataclass(frozen=True, slots=True)
class VoiceMissing:
    """Nothing has come for some 2.5 s from a side that is answered and should send."""

    call_id: CallId
    reason: str
    """``silent``, or ``strangers``: somebody sends, from where nobody was to (a NAT that was not told of)."""


@dataclass(frozen=True, slots=True)
class VoiceFound:
    """It came after all, or needs not come any more."""

    call_id: CallId


@dataclass(frozen=True, slots=True)
class MediaFailed:
    """The plane could not do what it was told, or died; the call must be ended politely."""

    call_id: CallId
    reason: str


MediaEvent = (
    PortOpened
    | PortMoved
    | PromptEnded
    | DigitPressed
    | KeyUnsent
    | LevelHeard
    | SpeechStarted
    | SpeechEnded
    | LegQuality
    | VoiceMissing
    | VoiceFound
    | RecordingPaused
    | RecordingResumed
    | RecordingClosed
    | MediaFailed
)
