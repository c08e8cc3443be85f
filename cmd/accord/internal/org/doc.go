// Package org makes up a lifelike Salesforce org: the same seed gives the same people, companies and deals, with the
// oddities that real ones have. It writes them as Salesforce's own tree-import files, which any tool can load.
package org
