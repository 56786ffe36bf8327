package eventstoredb

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
)

// known are the settings of a connection string, in lower case as the client compares them.
var knownSettings = strings.Fields(`tls tlsverifycert tlscafile usercertfile userkeyfile keepaliveinterval keepalivetimeout
	gossiptimeout nodepreference defaultdeadline discoveryinterval maxdiscoverattempts`)

// settings reads a connection string. The user and the password are taken out before the client sees it: its errors quote what they
// cannot read, and it takes a comma in a password for the next host (TestConnectionStrings).
//
// defaultDeadline, discoveryInterval and maxDiscoverAttempts are the journal's own business and have no effect; gossipTimeout, in
// seconds, is 2 where it is not given.
func settings(connectionString string) (*esdb.Configuration, error) {
	scheme, rest, ok := strings.Cut(connectionString, "://")
	if !ok || scheme != "esdb" && scheme != "esdb+discover" {
		return nil, errors.New("a connection string begins with esdb:// or esdb+discover://")
	}
	hosts, query, _ := strings.Cut(rest, "?")
	user, password, signs := "", "", false
	if at := strings.LastIndex(hosts, "@"); at >= 0 {
		name, secret, ok := strings.Cut(hosts[:at], ":")
		var badName, badSecret error
		user, badName = url.PathUnescape(name)
		password, badSecret = url.PathUnescape(secret)
		if !ok || user == "" || password == "" || badName != nil || badSecret != nil {
			return nil, errors.New("before the @ of the connection string stand a user and a password, user:password, with %XX for what is not a letter or a digit")
		}
		hosts, signs = hosts[at+1:], true
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, errors.New("the settings of the connection string are not key=value&key=value")
	}
	patient := true
	for key, value := range values {
		lower := strings.ToLower(key)
		if !slices.Contains(knownSettings, lower) || len(value) != 1 {
			return nil, fmt.Errorf("the connection string has a setting %q that is not known or not single; known are %s", key, strings.Join(knownSettings, ", "))
		}
		if lower == "nodepreference" && strings.ToLower(value[0]) != "leader" {
			return nil, errors.New("nodePreference is leader: a journal reads what was acknowledged")
		}
		patient = patient && lower != "gossiptimeout"
	}
	cfg, err := esdb.ParseConnectionString(scheme + "://" + hosts + "?" + query)
	if err != nil {
		return nil, fmt.Errorf("read the connection string: %w", err)
	}
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("read the connection string: %w", err)
	}
	if signs {
		cfg.Username, cfg.Password = user, password
	}
	if patient {
		cfg.GossipTimeout = 2
	}
	// A client looks for its node once; whether to look again is decided by the deadline of the call (pool).
	cfg.MaxDiscoverAttempts, cfg.DiscoveryInterval = 1, 0
	cfg.Logger = esdb.NoopLogging()
	return cfg, nil
}
