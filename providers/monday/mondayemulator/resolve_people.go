package mondayemulator

import (
	"slices"
	"strings"

	"accord/providers/monday/mondayemulator/internal/account"
	"accord/providers/monday/mondayemulator/internal/gql"
)

type (
	accountObject  struct{}
	planObject     struct{}
	productObject  struct{}
	photoObject    struct{}
	userConfig     struct{ user *account.User }
	addonObject    struct{}
	platformObject struct{}
	dailyLimitObj  struct{}
	dailyAnalytics struct{}
	usageByDay     struct {
		day   string
		calls int
	}
	usageByUser struct {
		user  *account.User
		calls int
	}
)

func queries() map[string]field {
	return map[string]field{
		"me":         root(func(r *request, _ gql.Args) (any, error) { return r.user, nil }),
		"account":    fixed(accountObject{}),
		"users":      root(queryUsers),
		"teams":      root(queryTeams),
		"tags":       root(queryTags),
		"workspaces": root(queryWorkspaces),
		"boards":     root(queryBoards),
		"items":      root(queryItems),
		"next_items_page": root(func(r *request, a gql.Args) (any, error) {
			return pageOf(r.acct().NextPage(a.String("cursor"), a.Int("limit")))
		}),
		"items_page_by_column_values": root(queryByValues),
		"webhooks":                    root(queryWebhooks),
		"version":                     root(func(r *request, _ gql.Args) (any, error) { return versionOf(r.version), nil }),
		"versions":                    fixed(versions),
		"complexity":                  root(func(r *request, _ gql.Args) (any, error) { return r.spend, nil }),
		"platform_api":                fixed(platformObject{}),
		"fetch_job_status":            root(queryJob),
		"aggregate":                   root(queryAggregate),
	}
}

// queryUsers follows developer.monday.com, "Users": at most 200 a page; deactivated users are
// answered when asked for by id, address or status.
func queryUsers(r *request, a gql.Args) (any, error) {
	byID := set(a, "ids")
	var emails []string
	if a.Given("emails") {
		for _, e := range a.List("emails") {
			if e == nil {
				return nil, account.InvalidArgument("emails must not hold null")
			}
			emails = append(emails, strings.ToLower(gql.Text(e)))
		}
	}
	states := a.Strings("status")
	name := strings.ToLower(a.String("name"))
	direct := byID != nil || a.Given("emails")
	kind := func(u *account.User) string {
		if u.Admin {
			return "ADMIN"
		}
		return "MEMBER"
	}
	var in, out []string
	if f := a.Map("user_kind"); f != nil {
		in, out = f.Strings("in"), f.Strings("not_in")
	}
	var list []*account.User
	for _, u := range r.acct().Users {
		switch {
		case byID != nil && !byID[u.ID],
			a.Given("emails") && !slices.Contains(emails, strings.ToLower(u.Email)),
			name != "" && !strings.Contains(strings.ToLower(u.Name), name) && !strings.Contains(strings.ToLower(u.Email), name),
			len(states) > 0 && !slices.Contains(states, userStatus(u)),
			len(states) == 0 && !direct && !u.Active && !a.Bool("non_active"),
			a.Bool("non_active") && u.Active,
			a.String("kind") == "guests",
			len(in) > 0 && !slices.Contains(in, kind(u)),
			slices.Contains(out, kind(u)):
			continue
		}
		list = append(list, u)
	}
	if a.Bool("newest_first") {
		slices.Reverse(list)
	}
	if s := a.List("sort"); len(s) > 0 {
		m, _ := s[0].(map[string]any)
		if gql.Text(m["direction"]) == "DESC" {
			slices.Reverse(list)
		}
	}
	if a.Int("limit") > 200 {
		a = gql.Args{"limit": 200, "page": a.Int("page")}
	}
	return page(list, a, 200)
}

func userStatus(u *account.User) string {
	if u.Active {
		return "ACTIVE"
	}
	return "INACTIVE"
}

func queryTeams(r *request, a gql.Args) (any, error) {
	want := set(a, "ids")
	out := []*account.Team{}
	for _, t := range r.acct().Teams {
		if want == nil || want[t.ID] {
			out = append(out, t)
		}
	}
	return out, nil
}

func queryTags(r *request, a gql.Args) (any, error) {
	want := set(a, "ids")
	out := []*account.Tag{}
	for _, t := range r.acct().Tags {
		if want == nil || want[t.ID] {
			out = append(out, t)
		}
	}
	return out, nil
}

func queryWorkspaces(r *request, a gql.Args) (any, error) {
	want := set(a, "ids")
	var list []*account.Workspace
	for _, w := range r.acct().Workspaces {
		switch {
		case want != nil && !want[w.ID],
			a.Given("kind") && a.String("kind") != w.Kind,
			a.String("state") != "all" && a.Given("state") && a.String("state") != w.State:
			continue
		}
		list = append(list, w)
	}
	return page(list, a, 100)
}

func peopleFields() map[string]map[string]field {
	return map[string]map[string]field{
		"User": {
			"id":               of(func(u *account.User) any { return idText(u.ID) }),
			"account":          fixed(accountObject{}),
			"account_id":       on(func(r *request, _ *account.User, _ gql.Args) (any, error) { return idText(r.acct().ID), nil }),
			"created_at":       of(func(u *account.User) any { return account.Stamp(u.Created) }),
			"became_active_at": of(func(u *account.User) any { return account.Stamp(u.Created) }),
			"last_activity":    fixed(nil),
			"email":            of(func(u *account.User) any { return u.Email }),
			"name":             of(func(u *account.User) any { return u.Name }),
			"title":            of(func(u *account.User) any { return u.Title }),
			"location":         fixed(nil),
			"phone":            fixed(nil),
			"mobile_phone":     fixed(nil),
			"photo_url":        fixed(photoObject{}),
			"url": on(func(r *request, u *account.User, _ gql.Args) (any, error) {
				return siteURL(r, "/users/"+idText(u.ID)), nil
			}),
			"time_zone_identifier": of(func(u *account.User) any { return u.TimeZone }),
			"utc_hours_diff": on(func(r *request, u *account.User, _ gql.Args) (any, error) {
				_, offset := r.acct().Now().In(u.Location()).Zone()
				return float64(offset) / 3600, nil
			}),
			"teams": on(func(r *request, u *account.User, a gql.Args) (any, error) {
				want := set(a, "ids")
				out := []*account.Team{}
				for _, t := range r.acct().Teams {
					if slices.Contains(t.UserIDs, u.ID) && (want == nil || want[t.ID]) {
						out = append(out, t)
					}
				}
				return out, nil
			}),
			"kind": of(func(u *account.User) any {
				if u.Admin {
					return "admin"
				}
				return "member"
			}),
			"status":             of(func(u *account.User) any { return userStatus(u) }),
			"invitation_method":  fixed("USER"),
			"is_deleted":         fixed(false),
			"is_email_confirmed": fixed(true),
			"user_config":        of(func(u *account.User) any { return userConfig{u} }),
		},
		"UserConfig": {
			"kind": of(func(c userConfig) any {
				if c.user.Admin {
					return "ADMIN"
				}
				return "MEMBER"
			}),
			"role_id":    of(func(c userConfig) any { return map[bool]string{true: "1", false: "2"}[c.user.Admin] }),
			"visibility": fixed([]string{}),
			"behaviors":  fixed([]string{}),
			"group":      fixed("human"),
		},
		"PhotoUrl": {"original": fixed(nil), "small": fixed(nil), "thumb": fixed(nil), "thumb_small": fixed(nil), "tiny": fixed(nil)},
		"Team": {
			"id":          of(func(t *account.Team) any { return idText(t.ID) }),
			"name":        of(func(t *account.Team) any { return t.Name }),
			"owners":      fixed([]*account.User{}),
			"picture_url": fixed(nil),
			"is_guest":    fixed(false),
			"created_at":  fixed(nil),
			"users": on(func(r *request, t *account.Team, a gql.Args) (any, error) {
				want := set(a, "ids")
				out := []*account.User{}
				for _, u := range users(r.acct(), t.UserIDs) {
					if want == nil || want[u.ID] {
						out = append(out, u)
					}
				}
				return out, nil
			}),
		},
		"Tag": {
			"id":    of(func(t *account.Tag) any { return idText(t.ID) }),
			"name":  of(func(t *account.Tag) any { return t.Name }),
			"color": of(func(t *account.Tag) any { return t.Color }),
		},
		"Account": {
			"active_members_count": onAccount(func(a *account.Account) any {
				n := 0
				for _, u := range a.Users {
					if u.Active {
						n++
					}
				}
				return n
			}),
			"country_code":           fixed("US"),
			"created_at":             onAccount(func(a *account.Account) any { return account.Stamp(a.Created) }),
			"first_day_of_the_week":  fixed("monday"),
			"id":                     onAccount(func(a *account.Account) any { return idText(a.ID) }),
			"is_during_trial":        fixed(false),
			"is_trial_expired":       fixed(false),
			"name":                   onAccount(func(a *account.Account) any { return a.Name }),
			"plan":                   fixed(planObject{}),
			"products":               fixed([]productObject{{}}),
			"show_timeline_weekends": fixed(true),
			"slug":                   onAccount(func(a *account.Account) any { return a.Slug }),
			"tier":                   onAccount(func(a *account.Account) any { return a.Tier }),
		},
		"AccountProduct": {
			"default_workspace_id": fixed(nil),
			"id":                   onAccount(func(a *account.Account) any { return idText(a.ID + 1) }),
			"kind":                 fixed("core"),
			"tier":                 onAccount(func(a *account.Account) any { return a.Tier }),
		},
		"Plan": {
			"max_users": fixed(200),
			"period":    fixed("yearly"),
			"tier":      onAccount(func(a *account.Account) any { return a.Tier }),
			"version":   fixed(8),
		},
		"Workspace": {
			"id":                   of(func(w *account.Workspace) any { return idText(w.ID) }),
			"name":                 of(func(w *account.Workspace) any { return w.Name }),
			"kind":                 of(func(w *account.Workspace) any { return w.Kind }),
			"description":          of(func(w *account.Workspace) any { return optional(w.Description) }),
			"state":                of(func(w *account.Workspace) any { return w.State }),
			"created_at":           of(func(w *account.Workspace) any { return account.Stamp(w.Created) }),
			"is_default_workspace": fixed(false),
			"owners_subscribers":   onWorkspaceUsers(),
			"users_subscribers":    onWorkspaceUsers(),
		},
	}
}

func onWorkspaceUsers() field {
	return on(func(r *request, w *account.Workspace, _ gql.Args) (any, error) {
		return users(r.acct(), []int64{w.OwnerID}), nil
	})
}

func onAccount(f func(a *account.Account) any) field {
	return func(r *request, _ any, _ gql.Args) (any, error) { return f(r.acct()), nil }
}

func siteURL(r *request, path string) string {
	return "https://" + r.acct().Slug + ".monday.com" + path
}
