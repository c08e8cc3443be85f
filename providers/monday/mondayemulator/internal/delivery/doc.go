// Package delivery sends webhook requests the way monday.com does (developer.monday.com,
// "Webhooks"): one POST per event, signed with a token of five minutes where the subscription was
// made by an app, tried again once a minute for thirty minutes.
//
// It promises that requests to one address leave one after the other in the order they were given,
// unless a plan says otherwise, and that Close waits for all that was started. It never blocks the
// sender.
package delivery
