package pubsub

import (
	"context"

	"google.golang.org/grpc/metadata"
)

// tenantLength is the length of the org id the tenantid header needs; the 15-character form is refused.
const tenantLength = 18

// begin opens a call: it counts it, gives it an id and authenticates its caller by the three metadata values of the
// "Authentication" page of the Pub/Sub API guide.
func (s *Server) begin(ctx context.Context, method string) (*rpc, error) {
	r := &rpc{server: s, ctx: ctx, method: method, id: s.newUUID(), orgID: s.schema.OrgID()}
	s.countCall(method)
	r.trailer("rpc-id", r.id)
	headers, _ := metadata.FromIncomingContext(ctx)
	token, instance, tenant := first(headers, "accesstoken"), first(headers, "instanceurl"), first(headers, "tenantid")
	if err := r.before(token); err != nil {
		return nil, err
	}
	select {
	case <-s.closed:
		return nil, r.fail(codeServiceUnavailable)
	default:
	}
	if token == "" || instance == "" || tenant == "" {
		return nil, r.fail(codeAuthHeaders)
	}
	if len(tenant) != tenantLength {
		return nil, r.fail(codeAuthError)
	}
	user, ok := s.schema.Authenticate(token, instance, tenant)
	if !ok {
		return nil, r.fail(codeAuthError)
	}
	r.user = user
	return r, nil
}

// failPlain fails with a code asked for by a fault, whatever arguments its text takes; no code is a broken connection.
func (r *rpc) failPlain(code string) error {
	switch code {
	case "":
		return r.broken()
	case codeTopicNotFound, codeTopicPermission:
		return r.fail(code, r.orgID, "(fault)")
	case codeSchemaPermission, codeCannotSubscribe, codeManagedName, codeManagedID:
		return r.fail(code, "(fault)")
	default:
		return r.fail(code)
	}
}

func first(headers metadata.MD, key string) string {
	if values := headers.Get(key); len(values) > 0 {
		return values[0]
	}
	return ""
}
