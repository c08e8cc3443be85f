// Package load fills an org from a folder of files as people have them.
//
// It understands SFDX source format (objects, fields, validation rules, record types, permission sets, channels), Salesforce tree
// JSON with plans, describe answers as JSON, and CSV: files named like an object with API names as headers, and exports of
// other CRMs, recognised by a table of spellings that is data (mapping.json). It promises that loading is
// deterministic, that every row is either loaded or named in a warning, and that it changes nothing in the folder. Loading is not
// saving: rules of a save (required values, restricted picklists, validation rules) do not apply.
package load
