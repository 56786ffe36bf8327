// Package calendar counts civil days in Astana: local days, clamped months, chains of periods, the days
// of a withdrawal, and working hours.
//
// Terms speak of days, so an end is counted from a day and never from a time of day. Every
// instant that comes out is UTC; every interval is half-open: it ends at the first instant of the
// day after its last.
//
// The zone's rules are in this package (asia-almaty.tzif, from the time zone database 2025c), not read from the
// machine: another machine, or an update of this one, must not change an answer. TestZone compares
// them with those of the Go release.
package calendar
