package http

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"kelisim/commands/tlog"
	"kelisim/domain"
)

// proofWait is how long a proof waits for the checkpoint that covers its event.
const proofWait = 3 * time.Second

// logError is what a caller is told of the log's errors.
func logError(err error, missing string) error {
	switch {
	case errors.Is(err, tlog.ErrNotFound):
		return notFound(missing)
	case errors.Is(err, tlog.ErrNotCovered):
		return domain.Refuse(domain.Unavailable, "unavailable", "no signed checkpoint covers this event yet; ask again in a second")
	case errors.Is(err, tlog.ErrNoHeads):
		return domain.Refuse(domain.Unavailable, "unavailable", "no commitment covers this history yet; one is made every few minutes")
	}
	return err
}

// checkpoint gives the published checkpoint (c2sp.org/tlog-checkpoint): the newest signed one, or where witnesses are asked the newest that they cosigned.
func (a *API) checkpoint(r *Request) (*Response, error) {
	c, err := a.Log.Reader().Published(r.Context())
	if err != nil {
		return nil, logError(err, "checkpoint")
	}
	return Bytes("text/plain; charset=utf-8", c.Full()), nil
}

// logKey gives the public keys of the log, one a line (c2sp.org/signed-note).
func (a *API) logKey(r *Request) (*Response, error) {
	keys, err := a.Log.Reader().Keys(r.Context())
	if err != nil {
		return nil, err
	}
	return Bytes("text/plain; charset=utf-8", []byte(strings.Join(keys, "\n")+"\n")), nil
}

// tile gives a tile of the log (c2sp.org/tlog-tiles). Tiles of entries show which streams were busy: they are for inspectors.
func (a *API) tile(r *Request) (*Response, error) {
	data, err := a.Log.Reader().Tile(r.Context(), "tile/"+r.Var("tile"))
	if err != nil {
		return nil, logError(err, "tile")
	}
	return Bytes("application/octet-stream", data), nil
}

// proof gives the proof that an event is in the log (c2sp.org/tlog-proof), as soon as a checkpoint covers it.
func (a *API) proof(r *Request) (*Response, error) {
	id, err := r.VarID("event")
	if err != nil {
		return nil, err
	}
	ctx, done := context.WithTimeout(r.Context(), proofWait)
	defer done()
	proof, err := a.Log.WaitProve(ctx, uuid.MustParse(id))
	if err != nil {
		return nil, logError(err, "event")
	}
	return Bytes("text/plain; charset=utf-8", proof), nil
}

// bundle gives all evidence about one user, with the proof that it is whole, to be verified offline; with the keys of a granted disclosure, if
// one is named.
func (a *API) bundle(r *Request) (*Response, error) {
	id, err := r.User()
	if err != nil {
		return nil, err
	}
	disclosures, err := a.disclosing(r, id)
	if err != nil {
		return nil, err
	}
	var file bytes.Buffer
	if err := a.Log.Reader().ExportUser(r.Context(), tlog.ZipSink(&file), id, tlog.ExportOptions{Disclosures: disclosures}); err != nil {
		return nil, logError(err, "user")
	}
	return Bytes("application/zip", file.Bytes()).With("Content-Disposition", `attachment; filename="`+string(id)+`.zip"`), nil
}
