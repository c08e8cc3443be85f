// Package secret finds the secrets that a contract refers to: in the environment, or in a file.
//
// It promises that no error it returns holds a secret, and never keeps, logs or writes one.
package secret
