package mondayemulator

import (
	"maps"
	"slices"

	"accord/providers/monday/mondayemulator/internal/account"
	"accord/providers/monday/mondayemulator/internal/gql"
)

func platformFields() map[string]map[string]field {
	return map[string]map[string]field{
		"Complexity": {
			"before":             of(func(s spend) any { return s.before }),
			"query":              of(func(s spend) any { return s.query }),
			"after":              of(func(s spend) any { return s.after }),
			"reset_in_x_seconds": of(func(s spend) any { return s.reset }),
		},
		"Version": {
			"display_name": of(func(v version) any { return v.Name }),
			"kind":         of(func(v version) any { return v.Kind }),
			"value":        of(func(v version) any { return v.Value }),
		},
		"PlatformApi": {"daily_limit": fixed(dailyLimitObj{}), "daily_analytics": fixed(dailyAnalytics{})},
		"DailyLimit": {
			"base":  onMeter(func(m *meter) any { return m.of(m.plan.perDay) }),
			"total": onMeter(func(m *meter) any { return m.of(m.plan.perDay) }),
			"addon": fixed(addonObject{}),
		},
		"DailyLimitAddon": {"is_active": fixed(false), "quantity": fixed(0)},
		"DailyAnalytics": {
			"last_updated": onAccount(func(a *account.Account) any { return account.Stamp(a.Now()) }),
			"by_day": func(r *request, _ any, _ gql.Args) (any, error) {
				day, tenths, before := r.e.meter.today(r.acct().Now())
				before[day] = tenths / 10
				out := []usageByDay{}
				for _, d := range slices.Sorted(maps.Keys(before)) {
					out = append(out, usageByDay{d, before[d]})
				}
				return out, nil
			},
			"by_user": func(r *request, _ any, _ gql.Args) (any, error) {
				_, tenths, _ := r.e.meter.today(r.acct().Now())
				return []usageByUser{{r.user, tenths / 10}}, nil
			},
		},
		"PlatformApiDailyAnalyticsByDay": {
			"day":   of(func(u usageByDay) any { return u.day }),
			"usage": of(func(u usageByDay) any { return u.calls }),
		},
		"PlatformApiDailyAnalyticsByUser": {
			"user":  of(func(u usageByUser) any { return u.user }),
			"usage": of(func(u usageByUser) any { return u.calls }),
		},
		"Webhook": {
			"id":       of(func(h *account.Webhook) any { return idText(h.ID) }),
			"board_id": of(func(h *account.Webhook) any { return idText(h.BoardID) }),
			"event":    of(func(h *account.Webhook) any { return h.Event }),
			"config":   of(func(h *account.Webhook) any { return h.ConfigText() }),
		},
	}
}

func onMeter(f func(m *meter) any) field {
	return func(r *request, _ any, _ gql.Args) (any, error) { return f(r.e.meter), nil }
}

// queryWebhooks lists a board's subscriptions; the address is not among the fields.
func queryWebhooks(r *request, a gql.Args) (any, error) {
	b := r.acct().Board(id(a, "board_id"))
	if b == nil || b.State == account.Deleted || !r.acct().Sees(r.by(), b) {
		return nil, account.NotFound("Board", a.String("board_id"))
	}
	out := []*account.Webhook{}
	for _, h := range r.acct().Hooks {
		if h.BoardID == b.ID && (h.Signed || !a.Bool("app_webhooks_only")) {
			out = append(out, h)
		}
	}
	return out, nil
}
