// Package storm is the black-box proof: accord as a process of its own, both emulated vendors as another, over TCP. People
// edit on both sides through the public APIs, delete, merge, put back, mistype and load in bulk, while answers get lost,
// streams break, rows are locked, and any of the processes is killed. Then it is quiet, and both sides must agree under the
// contract. Another stage has the same happen in one process and in virtual time.
//
// It knows accord by its command line and the vendors by their APIs, and nothing else: what people did is written down
// here, what passes between accord and the vendors is overheard, and the judges compare that with what the vendors show in
// the end. What no API has a call for, a merge or an item put back, people do at the emulators' own controls. Everything is drawn from a seed. The processes run in real time, so that a seed repeats what people and
// trouble do, and not the moment at which it hits.
package storm
