package jetstream

// counter is one of the things that are counted.
type counter int

const (
	events counter = iota
	posts
	updates
	deletes
	identities
	accounts
	otherCollections
	otherKinds
	malformed
	garbageFrames
	oversizedFrames
	keepAlives
	connections
	failedConnects
	lostClosed
	lostBroken
	lostStalled
	lostGarbage
	lostHistory
	gaps
	cursorsIgnored
	numCounters
)

// counterNames are the names in Counters.
var counterNames = [numCounters]string{
	events:           "events",                // frames understood: the sum of the eight that follow
	posts:            "posts",                 // new records of the wanted collections
	updates:          "updates",               // of records, in any collection
	deletes:          "deletes",               // of records, in any collection
	identities:       "identity_events",       //
	accounts:         "account_events",        //
	otherCollections: "other_collections",     // new records that nobody asked for
	otherKinds:       "other_kinds",           // events of a kind that is not known
	malformed:        "malformed_events",      // new records that lack text or name; skipped
	garbageFrames:    "garbage_frames",        // no event at all
	oversizedFrames:  "oversized_frames",      // above 1 MiB; skipped
	keepAlives:       "keep_alives",           // pings
	connections:      "connections",           //
	failedConnects:   "reconnects_refused",    // attempts that failed
	lostClosed:       "reconnects_closed",     // the host said that it ends the connection
	lostBroken:       "reconnects_broken",     // it ended without a word
	lostStalled:      "reconnects_stall",      // nothing came for too long
	lostGarbage:      "reconnects_garbage",    // a garbage frame came
	lostHistory:      "reconnects_no_history", // the host's history is too short, another may have more
	gaps:             "gaps",                  // no host's history was long enough
	cursorsIgnored:   "cursors_ignored",       // the host takes the cursor for one of the future
}
