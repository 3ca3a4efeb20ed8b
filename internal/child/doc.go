// Package child is what the packages that run programs have in common: OwnGroup
// and KillGroup end a process with its children, Tail keeps the end of what it
// prints, Memory reads what it needed.
package child
