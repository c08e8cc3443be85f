// Package clock is the time of the emulated org: one clock with timers, which may go faster than the wall's and may be moved by
// hand. Everything that ages or waits in the org asks it: stamps, sessions, jobs, retention, keep-alives, allocations, locks.
//
// It promises that timers fire when the emulated time has come, however it came, and that time never goes backwards by itself.
package clock
