package eventstoredb

// Settings reads a connection string and connects nowhere.
var Settings = settings
