package bus

import (
	"errors"
	"net/netip"
	"syscall"
)

var errPrivate = errors.New("the address is not a public one")

// notPublic are the ranges that no host of the open internet has, or that lead into others: 6to4, Teredo and the translation prefixes carry an IPv4 address that
// would not be looked at. IPv6 is public in 2000::/3 alone.
var notPublic = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24",
	"192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
)

var globalIPv6 = netip.MustParsePrefix("2000::/3")

func prefixes(all ...string) (out []netip.Prefix) {
	for _, s := range all {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// public tells whether an address is of the open internet (TestPublicAddresses).
func public(a netip.Addr) bool {
	if a = a.Unmap(); a.Is6() && !globalIPv6.Contains(a) {
		return false
	}
	for _, p := range notPublic {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// onlyPublic is called with each address that is about to be dialled, after its name was looked up: no name can lead elsewhere in between.
func onlyPublic(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !public(at.Addr()) {
		return errPrivate
	}
	return nil
}
