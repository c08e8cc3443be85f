package salesforce

import (
	"context"
	"crypto/tls"
	"errors"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"accord/engine/provider"
	"accord/providers/salesforce/internal/eventbus"
)

// events is the connection's side of the Pub/Sub API.
type events struct {
	config Config
	client *client
	// patience is how long a topic may be refused before Watch gives up.
	patience time.Duration
	pause    time.Duration // at most, before the first reconnection; it doubles
	// down, again and pollEvery are for tests to shorten: see poll.go.
	down, again, pollEvery time.Duration
	mu                     sync.Mutex
	schemas                map[string]*eventSchema     // of change events
	platform               map[string]*publishedSchema // of platform events
}

func newEvents(c Config, client *client) *events {
	return &events{config: c, client: client, patience: settling, pause: time.Second, down: streamDown, again: streamAgain,
		schemas: map[string]*eventSchema{}, platform: map[string]*publishedSchema{}}
}

// dial opens the connection that all streams share; it connects when it is first used.
func (e *events) dial() (*grpc.ClientConn, error) {
	secure := credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12})
	if e.config.PubSubInsecure {
		secure = insecure.NewCredentials()
	}
	options := []grpc.DialOption{grpc.WithTransportCredentials(secure), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxEvents))}
	if e.config.DialPubSub != nil {
		options = append(options, grpc.WithContextDialer(e.config.DialPubSub))
	}
	return grpc.NewClient(e.config.PubSubEndpoint, options...)
}

// schema is the schema of a change event of an id, asked for once.
func (e *events) schema(ctx context.Context, bus eventbus.PubSubClient, id string) (*eventSchema, error) {
	return cached(e, e.schemas, id, func() (*eventSchema, error) {
		text, err := e.schemaText(ctx, bus, id)
		if err != nil {
			return nil, err
		}
		return parseSchema(text)
	})
}

// published is the schema of a platform event of an id, asked for once.
func (e *events) published(ctx context.Context, bus eventbus.PubSubClient, id string) (*publishedSchema, error) {
	return cached(e, e.platform, id, func() (*publishedSchema, error) {
		text, err := e.schemaText(ctx, bus, id)
		if err != nil {
			return nil, err
		}
		return parsePublished(text)
	})
}

// cached keeps what was made for an id: it stands for the same for ever.
func cached[T any](e *events, known map[string]*T, id string, read func() (*T, error)) (*T, error) {
	e.mu.Lock()
	v := known[id]
	e.mu.Unlock()
	if v != nil {
		return v, nil
	}
	v, err := read()
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	known[id] = v
	e.mu.Unlock()
	return v, nil
}

// schemaText asks for the text of a schema.
func (e *events) schemaText(ctx context.Context, bus eventbus.PubSubClient, id string) (string, error) {
	authorized, err := e.authorize(ctx)
	if err != nil {
		return "", err
	}
	started := e.config.Clock()
	var trailer metadata.MD
	info, err := bus.GetSchema(authorized, &eventbus.SchemaRequest{SchemaId: id}, grpc.Trailer(&trailer))
	if err != nil {
		err = e.failure("read the schema of events", err, trailer)
	}
	e.observe("GetSchema", started, err)
	if err != nil {
		return "", err
	}
	if len(info.GetSchemaJson()) > schemaLimit {
		return "", &provider.Error{Kind: provider.Internal, Op: "read the schema of events", Message: "it is too large to be one"}
	}
	return info.GetSchemaJson(), nil
}

// authorize adds what every call of the Pub/Sub API must carry.
func (e *events) authorize(ctx context.Context) (context.Context, error) {
	s, err := e.client.sessions.get(ctx)
	if err != nil {
		return nil, err
	}
	org, _, err := e.client.identity(ctx)
	if err != nil {
		return nil, err
	}
	return metadata.AppendToOutgoingContext(ctx, "accesstoken", s.token, "instanceurl", s.instance, "tenantid", org), nil
}

func (e *events) observe(operation string, started time.Time, err error) {
	call := provider.Call{Connection: e.config.Connection, Operation: operation, Started: started,
		Duration: e.config.Clock().Sub(started), Err: provider.Bare(err), Status: 1000}
	if err != nil {
		call.Status += int(status.Code(errors.Unwrap(err)))
	}
	var known *provider.Error
	if errors.As(err, &known) {
		call.RequestID = known.RequestID
	}
	e.config.Observe(call)
}

// busKinds says what can be done about each error code of the Pub/Sub API (its guide, "Handle Errors"); the rest go by
// gRPC status.
var busKinds = map[string]provider.Kind{
	"service.unavailable":                           provider.Transient,
	"service.protection.triggered":                  provider.Throttled,
	"service.protection.stream.limit.triggered":     provider.Throttled,
	"concurrent.client.limit.exceeded":              provider.Throttled,
	"topic.api.unavailable":                         provider.Transient,
	"schema.api.unavailable":                        provider.Transient,
	"subscription.internal.error":                   provider.Transient,
	"subscription.fetch.replay.repeated":            provider.Transient,
	"subscription.fetch.overflow":                   provider.Transient,
	"subscription.limit.exceeded":                   provider.Exhausted,
	"subscription.fetch.replayid.corrupted":         provider.Stale,
	"subscription.fetch.replayid.validation.failed": provider.Stale,
	"service.auth.error":                            provider.Unauthorized,
	"service.auth.headers.invalid":                  provider.Unauthorized,
	"service.tenant.license":                        provider.Denied,
	"topic.not.found":                               provider.NotFound,
	"topic.meta.permission":                         provider.Denied,
	"schema.meta.permission":                        provider.Denied,
	"subscription.topic.cannot.subscribe":           provider.Denied,
}

const busPrefix = "sfdc.platform.eventbus.grpc."

// failure makes a *provider.Error of a gRPC one.
func (e *events) failure(op string, err error, trailer metadata.MD) error {
	s, _ := status.FromError(err)
	first := func(name string) string {
		if v := trailer.Get(name); len(v) > 0 {
			return v[0]
		}
		return ""
	}
	failed := &provider.Error{Op: op, Code: strings.TrimPrefix(first("error-code"), busPrefix), Message: s.Message(), RequestID: first("rpc-id"), Err: err}
	if failed.Code == "" {
		failed.Code = s.Code().String()
	}
	kind, known := busKinds[failed.Code]
	if !known {
		kind = kindOfCode(s.Code())
	}
	failed.Kind = kind
	switch kind {
	case provider.Exhausted:
		failed.RetryAfter = parking
	case provider.Throttled:
		failed.RetryAfter = time.Minute
	case provider.NotFound, provider.Denied:
		failed.Message += refusedTopic(op, kind)
	}
	return failed
}

// refusedTopic says what to do about a topic that can't be followed.
func refusedTopic(op string, kind provider.Kind) string {
	switch published := strings.Contains(op, " "+eventTopic("")); {
	case published && kind == provider.NotFound:
		return " (the org has no such platform event)"
	case published:
		return " (our user needs Read on the platform event: run apply)"
	case kind == provider.NotFound:
		return " (the sObject is not selected for change events: run apply)"
	default:
		return " (our user needs View All Records on the sObject: run apply)"
	}
}

func kindOfCode(c codes.Code) provider.Kind {
	switch c {
	case codes.Unauthenticated:
		return provider.Unauthorized
	case codes.PermissionDenied:
		return provider.Denied
	case codes.NotFound:
		return provider.NotFound
	case codes.InvalidArgument, codes.Unimplemented, codes.FailedPrecondition, codes.OutOfRange:
		return provider.Invalid
	case codes.ResourceExhausted:
		return provider.Throttled
	default: // streams break for many reasons, and are opened again
		return provider.Transient
	}
}
