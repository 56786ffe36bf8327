package eventstoredb

import (
	"context"
	"errors"
	"strings"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

var (
	errNotSent   = errors.New("the server was not reached")
	errOldServer = errors.New("the server is too old: 23.10 is the first that loses nothing it has acknowledged")
	errBehind    = errors.New("the clock is further behind the journal's last event than the clocks of two instances may be apart")
	errStale     = errors.New("the node is behind what was acknowledged")
	errUnread    = errors.New("what was appended cannot be read")
	errMissing   = errors.New("events are missing on the server")
)

// onLeader makes the server refuse the call where it does not lead. The client has an option for it, which puts the header where it is not sent.
func onLeader(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "requires-leader", "true")
}

// coded finds the client's code in an error; the client's own FromError does not look inside one that is wrapped.
func coded(err error) (esdb.ErrorCode, bool) {
	var e *esdb.Error
	if errors.As(err, &e) {
		return e.Code(), true
	}
	return 0, false
}

// noStream tells that a reading found no such stream. A call that is refused with the same code has the status of that refusal.
func noStream(err error) bool {
	code, ok := coded(err)
	return ok && code == esdb.ErrorCodeResourceNotFound && status.Code(err) != codes.NotFound
}

// healthy tells whether the client may be used again. One that was refused as unavailable, or sent to another leader, may not, even if the caller
// has left meanwhile: at its next call it would connect anew and forget the old connection.
func healthy(err error) bool {
	if err == nil || final(err) || errors.Is(err, errAbandoned) || errors.Is(err, context.Canceled) || status.Code(err) == codes.Canceled {
		return true
	}
	code, ok := coded(err)
	return ok && code == esdb.ErrorCodeWrongExpectedVersion
}

// final tells that another try would be answered likewise.
func final(err error) bool {
	if errors.Is(err, errOldServer) {
		return true
	}
	if code, ok := coded(err); ok {
		switch code {
		case esdb.ErrorCodeStreamDeleted, esdb.ErrorCodeAccessDenied, esdb.ErrorCodeUnauthenticated, esdb.ErrorCodeUnsupportedFeature:
			return true
		}
	}
	switch status.Code(err) {
	case codes.InvalidArgument, codes.FailedPrecondition, codes.PermissionDenied, codes.Unauthenticated, codes.Unimplemented:
		return true
	}
	return false
}

// tooLarge tells that the server takes no append of this size.
func tooLarge(err error) bool {
	return status.Code(err) == codes.InvalidArgument && strings.Contains(strings.ToLower(status.Convert(err).Message()), "maximum append size")
}

// verdict is what an error of one try to append says about the append.
type verdict int

const (
	written    verdict = iota
	elsewhere          // the stream is not at the expected revision: compare the ids
	notWritten         // surely not; another try may succeed
	refused            // surely not, and no other try will be
	notDecided         // it may be written
)

func judge(err error) verdict {
	if err == nil {
		return written
	}
	if errors.Is(err, errUnread) {
		return notDecided
	}
	if errors.Is(err, errNotSent) || errors.Is(err, errAbandoned) {
		if final(err) {
			return refused
		}
		return notWritten
	}
	switch code, _ := coded(err); code {
	case esdb.ErrorCodeWrongExpectedVersion:
		return elsewhere
	case esdb.ErrorCodeNotLeader, esdb.ErrorCodeResourceNotFound:
		return notWritten
	}
	switch text := err.Error(); {
	case final(err):
		return refused
	// The server ended the call before its end was sent, so it never had the whole; why, the client does not say.
	case strings.HasPrefix(text, "could not send append request"), strings.HasPrefix(text, "could not construct append operation"):
		return notWritten
	}
	return notDecided
}
