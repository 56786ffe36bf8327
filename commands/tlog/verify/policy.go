package verify

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
)

// Policy is whom an auditor believes: one of these logs, and a quorum of these witnesses.
type Policy struct {
	log       torchwood.Policy // one of the logs has signed, under its own name
	full      torchwood.Policy // and the quorum has cosigned
	witnesses []Witness
	quorum    bool // somebody must have cosigned
}

// ErrNoLog: a policy names no log.
var ErrNoLog = errors.New("policy: it names no log")

// Witnesses are those whom the policy names, in its order.
func (p *Policy) Witnesses() []Witness { return p.witnesses }

// Quorum tells whether the policy asks for witnesses at all.
func (p *Policy) Quorum() bool { return p.quorum }

// Log opens a checkpoint that one of the policy's logs has signed, whoever cosigned it; else the error is a *Fault.
func (p *Policy) Log(signed []byte) (Checkpoint, error) { return p.opened(signed, false) }

// Full opens a checkpoint that is signed and cosigned as the policy demands; else the error is a *Fault.
func (p *Policy) Full(signed []byte) (Checkpoint, error) { return p.opened(signed, true) }

func (p *Policy) opened(signed []byte, witnessed bool) (Checkpoint, error) {
	c, f := p.open(Nowhere, signed, witnessed)
	if f != nil {
		return Checkpoint{}, f
	}
	return c, nil
}

// maxPolicy bounds what a policy may hold.
const maxPolicy = 64

// ParsePolicy reads c2sp.org/tlog-policy. Beside the format's own demands a log must be named, and a key may stand in it once.
//
// torchwood.ParsePolicy reads the same form, but knows no ML-DSA keys and wants all logs to have signed where the format says one
// (TestPolicyAgainstTorchwood).
func ParsePolicy(text []byte) (*Policy, error) {
	r := policyReader{parts: map[string]torchwood.Policy{}, keys: map[string]bool{}}
	for i, line := range strings.Split(string(text), "\n") {
		if err := r.line(line); err != nil {
			return nil, fmt.Errorf("policy, line %d: %w", i+1, err)
		}
	}
	switch {
	case r.quorum == "":
		return nil, errors.New("policy: it has no quorum")
	case len(r.logs) == 0:
		return nil, ErrNoLog
	}
	p := &Policy{log: torchwood.ThresholdPolicy(1, r.logs...), witnesses: r.witnesses, quorum: r.quorum != "none"}
	p.full = p.log
	if p.quorum {
		p.full = torchwood.ThresholdPolicy(2, p.log, r.parts[r.quorum])
	}
	return p, nil
}

type policyReader struct {
	logs      []torchwood.Policy
	witnesses []Witness
	parts     map[string]torchwood.Policy // witnesses and groups by name
	used      []string                    // names that are a group's members
	keys      map[string]bool
	quorum    string
}

func (r *policyReader) line(line string) error {
	for i := range len(line) {
		if c := line[i]; c < 0x20 && c != '\t' || c == 0x7f {
			return errors.New("it holds a control character")
		}
	}
	fields := strings.FieldsFunc(line, func(c rune) bool { return c == ' ' || c == '\t' })
	if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
		return nil
	}
	if len(r.logs)+len(r.parts) == maxPolicy {
		return errors.New("there are too many")
	}
	what, rest := fields[0], fields[1:]
	switch {
	case what == "log" && (len(rest) == 1 || len(rest) == 2):
		v, err := r.key(rest[0], AlgEd25519, AlgMLDSA44)
		if err != nil {
			return err
		}
		r.logs = append(r.logs, torchwood.ThresholdPolicy(2, torchwood.OriginPolicy(v.Name()), torchwood.SingleVerifierPolicy(v)))
		return nil
	case what == "witness" && (len(rest) == 2 || len(rest) == 3):
		v, err := r.key(rest[1], AlgCosignature, AlgMLDSA44)
		if err != nil {
			return err
		}
		r.witnesses = append(r.witnesses, Witness{Name: rest[0], Key: rest[1], URL: strings.Join(rest[2:], ""), verifier: v})
		return r.name(rest[0], torchwood.SingleVerifierPolicy(v))
	case what == "group" && len(rest) >= 3:
		return r.group(rest[0], rest[1], rest[2:])
	case what == "quorum" && len(rest) == 1:
		if r.quorum != "" {
			return errors.New("a second quorum")
		}
		if rest[0] != "none" && r.parts[rest[0]] == nil {
			return fmt.Errorf("no %q was named before", rest[0])
		}
		r.quorum = rest[0]
		return nil
	}
	return fmt.Errorf("%q is no line of a policy", what)
}

// key takes a verifier key that was not there yet, by whatever name or type.
func (r *policyReader) key(vkey string, may ...byte) (note.Verifier, error) {
	v, err := newVerifier(vkey, may...)
	if err != nil {
		return nil, err
	}
	_, _, public, _ := cutKey(vkey)
	if r.keys[string(public)] {
		return nil, errors.New("a key that stands above already")
	}
	r.keys[string(public)] = true
	return v, nil
}

func (r *policyReader) name(name string, p torchwood.Policy) error {
	if name == "none" || r.parts[name] != nil {
		return fmt.Errorf("%q cannot be a new name", name)
	}
	r.parts[name] = p
	return nil
}

func (r *policyReader) group(name, threshold string, members []string) error {
	n, err := strconv.Atoi(threshold)
	switch threshold {
	case "any":
		n, err = 1, nil
	case "all":
		n, err = len(members), nil
	}
	if err != nil || n < 1 || n > len(members) {
		return fmt.Errorf("%q is no number of the group's members", threshold)
	}
	var parts []torchwood.Policy
	for _, member := range members {
		if r.parts[member] == nil {
			return fmt.Errorf("no %q was named before", member)
		}
		for _, used := range r.used {
			if used == member {
				return fmt.Errorf("%q is a member already", member)
			}
		}
		r.used = append(r.used, member)
		parts = append(parts, r.parts[member])
	}
	return r.name(name, torchwood.ThresholdPolicy(n, parts...))
}
