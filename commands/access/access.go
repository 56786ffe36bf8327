// Package access says who may ask: six roles, and tokens that carry one of them.
//
// A token is shown once, when it is created; what is kept is its SHA-256 (the secret is 256 random bits, so a slow hash adds nothing).
// A created or revoked token counts at the next Check, also when another process created or revoked it: see accesstest.
//
// Tokens holds the rules; Store is the port under it: commands/sqlite keeps it in access.db, commands/postgres in the database of the keys, and Memory is
// the double for tests.
package access

import (
	"slices"

	"kelisim/domain"
	"kelisim/domain/event"
)

// Role is what a caller may do; http's table of routes names the roles of each.
type Role string

const (
	Service  Role = "service"  // the site's backend
	Officer  Role = "officer"  // compliance: all that concerns a person
	Approver Role = "approver" // an officer's reading, and the second signature
	Auditor  Role = "auditor"  // every event and proof, personal fields masked; writes nothing
	Operator Role = "operator" // documents, tariffs, parameters, tokens, health; no personal data, no event bodies
	Subject  Role = "subject"  // one user's own view
)

// Roles lists them all.
func Roles() []Role { return []Role{Service, Officer, Approver, Auditor, Operator, Subject} }

// parseRole reads a role's name.
func parseRole(s string) (Role, error) {
	if !slices.Contains(Roles(), Role(s)) {
		return "", domain.Malformed("/role", "a role is one of service, officer, approver, auditor, operator, subject")
	}
	return Role(s), nil
}

// Actor is who asks, as a token proved it. The zero Actor is nobody: a caller of a route that is open to all.
type Actor struct {
	Role    Role
	Name    string        // the credential's name: it outlives a token that is replaced by another of the same name
	TokenID string        // which token it was
	Person  string        // whose the credential is, by a pseudonym; empty where Name stands for the person
	Subject domain.UserID // the one user whose view this is; only with role subject
}

// Event is the actor as an event's envelope names it: a subject by their user id, everyone else by the credential's name.
func (a Actor) Event() event.Actor {
	if a.Role == Subject {
		return event.Actor{Kind: string(a.Role), ID: string(a.Subject)}
	}
	return event.Actor{Kind: string(a.Role), ID: a.Name, Person: a.Person}
}

// MayLookAt tells whether a user's things are within the actor's sight: a subject sees their own alone. What is out of sight is
// answered exactly as what does not exist.
func (a Actor) MayLookAt(user domain.UserID) bool {
	return a.Role != Subject || a.Subject == user
}
