package mondayemulator

import (
	"regexp"

	"accord/providers/monday/mondayemulator/internal/gql"
)

// Version is the API version that is emulated; it is the current one.
const Version = "2026-10"

type version struct{ Value, Kind, Name string }

// versions are those that live beside it (developer.monday.com, "API versioning").
var versions = []version{
	{"dev", "dev", "Dev"},
	{"2027-01", "release_candidate", "Release Candidate"},
	{Version, "current", "Current"},
	{"2026-07", "maintenance", "Maintenance"},
}

var versionForm = regexp.MustCompile(`^\d{4}-\d{2}$`)

// chooseVersion follows the vendor's rules: none means the current one, an old one is served as
// maintenance without a word, a month that never was as the current one, anything else is an error.
func chooseVersion(asked string) (string, *gql.Error) {
	if asked == "" {
		return Version, nil
	}
	for _, v := range versions {
		if v.Value == asked {
			return asked, nil
		}
	}
	if !versionForm.MatchString(asked) {
		return "", &gql.Error{Message: "Invalid API version: " + asked, Code: "InvalidVersionException", Status: 400, HTTP: 400}
	}
	switch asked[5:] {
	case "01", "04", "07", "10":
		if asked < "2026-07" && asked >= "2023-07" {
			return "2026-07", nil
		}
	}
	return Version, nil
}

func versionOf(value string) version {
	for _, v := range versions {
		if v.Value == value {
			return v
		}
	}
	return versions[2]
}
