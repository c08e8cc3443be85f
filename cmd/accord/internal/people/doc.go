// Package people works on both vendors as people and their scripts do: through the public APIs, over HTTP. It knows
// nothing of accord, and shares no code with the providers: what it reads back is what anybody would see.
package people
