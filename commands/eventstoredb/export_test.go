package eventstoredb

// Settings reads a connection string and connects nowhere; Coded finds the client's code in an error; Healthy tells whether a client may be
// used after one.
var (
	Settings = settings
	Coded    = coded
	Healthy  = healthy
)
