package webhooks

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Sources are the addresses that notifications may come from. The zero value takes every address: the signature is what tells who speaks, and a
// processor's list changes; the addresses only narrow down who may try.
type Sources struct {
	// Allowed are the processor's networks; none: any address.
	Allowed []netip.Prefix
	// Proxies are the networks of our own proxies, whose word on whom they speak for is taken; none: the peer is the source, whatever
	// X-Forwarded-For says.
	Proxies []netip.Prefix
}

// ParseSources reads two lists of networks (CIDR) and addresses, each with commas between them.
func ParseSources(allowed, proxies string) (Sources, error) {
	var out Sources
	var err error
	if out.Allowed, err = networks(allowed); err != nil {
		return Sources{}, err
	}
	if out.Proxies, err = networks(proxies); err != nil {
		return Sources{}, err
	}
	if len(out.Proxies) > 0 && len(out.Allowed) == 0 {
		return Sources{}, errors.New("proxies are named, and no source is")
	}
	return out, nil
}

func networks(list string) (out []netip.Prefix, err error) {
	for text := range strings.SplitSeq(list, ",") {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		p, err := netip.ParsePrefix(text)
		if a, bare := netip.ParseAddr(text); bare == nil && a.Zone() == "" {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil || p.Addr().Is4In6() {
			return nil, fmt.Errorf("%q is neither a network such as 185.98.81.0/28 nor an address", text)
		}
		out = append(out, p)
	}
	return out, nil
}

// Permits tells whether a request comes from an address that is allowed. The source is the peer; where that is one of our proxies, it is whom
// that one names last in X-Forwarded-For, and so on from right to left, so that nothing counts that was said before our own proxies heard it
// (TestSources). A source that cannot be read is not allowed.
func (s Sources) Permits(r *http.Request) bool {
	if len(s.Allowed) == 0 {
		return true
	}
	source, ok := address(r.RemoteAddr)
	said := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, next := range slices.Backward(said) {
		if !ok || !within(s.Proxies, source) || strings.TrimSpace(next) == "" {
			break
		}
		source, ok = address(next)
	}
	return ok && within(s.Allowed, source)
}

// address reads an address with or without a port.
func address(text string) (netip.Addr, bool) {
	text = strings.TrimSpace(text)
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	if p, withPort := netip.ParseAddrPort(text); withPort == nil {
		a, err = p.Addr(), nil
	}
	return a.Unmap().WithZone(""), err == nil
}

func within(networks []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(a) })
}
