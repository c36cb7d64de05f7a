package packet

import "fmt"

// Reason is a reason code. [MQTT-2.4]
type Reason byte

// The reason codes of MQTT 5.0.
const (
	Success             Reason = 0x00 // also normal disconnection and granted QoS 0
	DisconnectWithWill  Reason = 0x04
	NoMatching          Reason = 0x10
	NoSubscription      Reason = 0x11
	ContinueAuth        Reason = 0x18
	Reauthenticate      Reason = 0x19
	Unspecified         Reason = 0x80
	Malformed           Reason = 0x81
	ProtocolError       Reason = 0x82
	ImplementationError Reason = 0x83
	UnsupportedVersion  Reason = 0x84
	ClientIDInvalid     Reason = 0x85
	BadUserOrPassword   Reason = 0x86
	NotAuthorized       Reason = 0x87
	ServerUnavailable   Reason = 0x88
	ServerBusy          Reason = 0x89
	Banned              Reason = 0x8A
	ShuttingDown        Reason = 0x8B
	BadAuthMethod       Reason = 0x8C
	KeepAliveTimeout    Reason = 0x8D
	TakenOver           Reason = 0x8E
	FilterInvalid       Reason = 0x8F
	TopicInvalid        Reason = 0x90
	IDInUse             Reason = 0x91
	IDNotFound          Reason = 0x92
	ReceiveMaxExceeded  Reason = 0x93
	TopicAliasInvalid   Reason = 0x94
	TooLarge            Reason = 0x95
	RateTooHigh         Reason = 0x96
	QuotaExceeded       Reason = 0x97
	Administrative      Reason = 0x98
	PayloadInvalid      Reason = 0x99
	RetainUnsupported   Reason = 0x9A
	QoSUnsupported      Reason = 0x9B
	UseAnotherServer    Reason = 0x9C
	ServerMoved         Reason = 0x9D
	SharedUnsupported   Reason = 0x9E
	ConnectionRate      Reason = 0x9F
	MaximumConnectTime  Reason = 0xA0
	SubIDUnsupported    Reason = 0xA1
	WildcardUnsupported Reason = 0xA2
)

var reasonTexts = map[Reason]string{
	Success: "success", DisconnectWithWill: "disconnect with will message", NoMatching: "no matching subscribers",
	NoSubscription: "no subscription existed", ContinueAuth: "continue authentication", Reauthenticate: "re-authenticate",
	Unspecified: "unspecified error", Malformed: "malformed packet", ProtocolError: "protocol error",
	ImplementationError: "implementation specific error", UnsupportedVersion: "unsupported protocol version",
	ClientIDInvalid: "client identifier not valid", BadUserOrPassword: "bad user name or password",
	NotAuthorized: "not authorized", ServerUnavailable: "server unavailable", ServerBusy: "server busy", Banned: "banned",
	ShuttingDown: "server shutting down", BadAuthMethod: "bad authentication method", KeepAliveTimeout: "keep alive timeout",
	TakenOver: "session taken over", FilterInvalid: "topic filter invalid", TopicInvalid: "topic name invalid",
	IDInUse: "packet identifier in use", IDNotFound: "packet identifier not found",
	ReceiveMaxExceeded: "receive maximum exceeded", TopicAliasInvalid: "topic alias invalid", TooLarge: "packet too large",
	RateTooHigh: "message rate too high", QuotaExceeded: "quota exceeded", Administrative: "administrative action",
	PayloadInvalid: "payload format invalid", RetainUnsupported: "retain not supported", QoSUnsupported: "QoS not supported",
	UseAnotherServer: "use another server", ServerMoved: "server moved", SharedUnsupported: "shared subscriptions not supported",
	ConnectionRate: "connection rate exceeded", MaximumConnectTime: "maximum connect time",
	SubIDUnsupported: "subscription identifiers not supported", WildcardUnsupported: "wildcard subscriptions not supported",
}

// String is the standard's name of the code in lower case.
func (r Reason) String() string {
	if text, ok := reasonTexts[r]; ok {
		return text
	}
	return fmt.Sprintf("reason code 0x%02X", byte(r))
}

// Failed says whether the code is that of a failure.
func (r Reason) Failed() bool { return r >= 0x80 }

// ReturnCode is the code in the CONNACK of 3.1.1. It fails for reasons that
// 3.1.1 has no code for: the connection is closed without a CONNACK then.
func (r Reason) ReturnCode() (code byte, ok bool) {
	switch r {
	case Success:
		return 0, true
	case UnsupportedVersion:
		return 1, true
	case ClientIDInvalid:
		return 2, true
	case ServerUnavailable, ServerBusy, QuotaExceeded, ConnectionRate, ShuttingDown:
		return 3, true
	case BadUserOrPassword:
		return 4, true
	case NotAuthorized, Banned, BadAuthMethod:
		return 5, true
	}
	return 0, false
}

// Error is a fault with the reason code that tells the peer what it did.
type Error struct {
	Reason Reason
	Text   string // what was wrong, for people
}

func (e *Error) Error() string { return e.Reason.String() + ": " + e.Text }

// Errorf makes an Error.
func Errorf(r Reason, format string, args ...any) *Error {
	return &Error{Reason: r, Text: fmt.Sprintf(format, args...)}
}

func malformed(format string, args ...any) error { return Errorf(Malformed, format, args...) }

func protocol(format string, args ...any) error { return Errorf(ProtocolError, format, args...) }
