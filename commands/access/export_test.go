package access

// Checksum lets a test tamper with a token behind a right checksum.
var Checksum = checksum
