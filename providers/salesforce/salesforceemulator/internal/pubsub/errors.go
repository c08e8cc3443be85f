package pubsub

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// errorPrefix stands before every code in the error-code trailer.
const errorPrefix = "sfdc.platform.eventbus.grpc."

// The codes of the "Handle Errors" page of the Pub/Sub API guide, without their common prefix.
const (
	codeServiceUnavailable   = "service.unavailable"
	codeProtection           = "service.protection.triggered"
	codeStreamProtection     = "service.protection.stream.limit.triggered"
	codeAuthError            = "service.auth.error"
	codeAuthHeaders          = "service.auth.headers.invalid"
	codeAuthRefresh          = "service.auth.refresh.invalid"
	codeTenantLicense        = "service.tenant.license"
	codeClientLimit          = "concurrent.client.limit.exceeded"
	codeTopicNotFound        = "topic.not.found"
	codeTopicPermission      = "topic.meta.permission"
	codeTopicUnavailable     = "topic.api.unavailable"
	codeTopicEmpty           = "topic.validation.empty"
	codeSchemaPermission     = "schema.meta.permission"
	codeSchemaUnavailable    = "schema.api.unavailable"
	codeSchemaInvalid        = "schema.validation.failed"
	codeCannotSubscribe      = "subscription.topic.cannot.subscribe"
	codeSubscriptionInternal = "subscription.internal.error"
	codeFetchCount           = "subscription.fetch.requested.events.invalid"
	codeFetchTopicMismatch   = "subscription.fetch.topic.mismatch"
	codeFetchInvalid         = "subscription.fetch.request.invalid"
	codeFetchOverflow        = "subscription.fetch.overflow"
	codeReplayRepeated       = "subscription.fetch.replay.repeated"
	codeReplayMissing        = "subscription.fetch.replayid.validation.failed"
	codeReplayCorrupted      = "subscription.fetch.replayid.corrupted"
	codeDeliveryLimit        = "subscription.limit.exceeded"
	codePublishCount         = "publish.event.count.invalid"
	codePublishTopicMismatch = "publish.topic.mismatch"
	codePublishTopicEmpty    = "publish.topic.validation.empty"
	codePublishRefresh       = "publish.auth.refresh.invalid"
	codePublishIdle          = "publish.stream.sweeper.timeout"
	codeManagedActive        = "managed.subscription.already.active"
	codeManagedStopped       = "managed.subscription.config.stopped"
	codeManagedDeleted       = "managed.subscription.config.deleted"
	codeManagedName          = "managed.subscription.developer.name.not.found"
	codeManagedID            = "managed.subscription.subscription.id.not.found"
	codeManagedIDInvalid     = "managed.subscription.subscription.id.invalid"
	codeManagedWhich         = "managed.subscription.id.or.developer.name.empty"
	codeManagedCount         = "managed.subscription.fetch.request.events.invalid"
	codeManagedInvalid       = "managed.subscription.fetch.request.invalid"
	codeManagedCommit        = "managed.subscription.fetch.request.commit.request.restricted"
	codeManagedRefresh       = "managed.subscription.fetch.request.auth.request.restricted"
)

// failure is what one error code looks like on the wire.
type failure struct {
	status codes.Code
	text   string
}

// failures holds the gRPC status and the text for each code. The vendor publishes the codes but the statuses only
// for some (INVALID_ARGUMENT for replay ids and blank schema ids, NOT_FOUND for topics, UNAUTHENTICATED for
// authentication); the others follow the meaning of the gRPC status.
func failures() map[string]failure {
	return map[string]failure{
		codeServiceUnavailable:   {codes.Unavailable, "The service is unavailable. Try again later."},
		codeProtection:           {codes.ResourceExhausted, "The service is protecting itself from too many requests. Reduce the load and try again."},
		codeStreamProtection:     {codes.ResourceExhausted, "Too many requests were sent on the stream. Reduce the request frequency."},
		codeAuthError:            {codes.Unauthenticated, "An authentication exception occurred. Provide valid authentication via metadata headers."},
		codeAuthHeaders:          {codes.Unauthenticated, "An authentication header is invalid or blank. Provide accesstoken, instanceurl and tenantid."},
		codeAuthRefresh:          {codes.Unauthenticated, "The auth refresh value is invalid."},
		codeTenantLicense:        {codes.PermissionDenied, "The org isn't licensed for Pub/Sub API."},
		codeClientLimit:          {codes.ResourceExhausted, "The maximum number of concurrent clients across all topics has been exceeded."},
		codeTopicNotFound:        {codes.NotFound, "The topic information for org CORE/prod/%s and topic %s not found. Ensure the topic name is correct and that the topic exists."},
		codeTopicPermission:      {codes.PermissionDenied, "An error occurred while getting the metadata for org CORE/prod/%s and topic %s. Ensure the credentials and topic name are correct."},
		codeTopicUnavailable:     {codes.Unavailable, "The topic information is temporarily unavailable. Try again later."},
		codeTopicEmpty:           {codes.InvalidArgument, "Topic validation failed. The topic name can't be blank."},
		codeSchemaPermission:     {codes.NotFound, "An error occurred while getting the schema %s. Ensure the credentials and schema ID are correct."},
		codeSchemaUnavailable:    {codes.Unavailable, "The schema information is temporarily unavailable. Try again later."},
		codeSchemaInvalid:        {codes.InvalidArgument, "Schema validation failed. The schema ID can't be blank."},
		codeCannotSubscribe:      {codes.PermissionDenied, "The user doesn't have permission to subscribe to the topic %s."},
		codeSubscriptionInternal: {codes.Internal, "An internal error occurred in the subscription. Restart the subscription."},
		codeFetchCount:           {codes.InvalidArgument, "The number of requested events must be greater than zero."},
		codeFetchTopicMismatch:   {codes.InvalidArgument, "The topic name in the request differs from the topic name of the first request on this stream."},
		codeFetchInvalid:         {codes.InvalidArgument, "The fetch request is invalid."},
		codeFetchOverflow:        {codes.ResourceExhausted, "More events were requested than were processed. Process the outstanding events before requesting more."},
		codeReplayRepeated:       {codes.Internal, "An event with a lower replay ID than the previous one was received. Restart the subscription."},
		codeReplayMissing:        {codes.InvalidArgument, "The Replay ID validation failed. Ensure that a Replay ID is given when the replay preset is CUSTOM."},
		codeReplayCorrupted:      {codes.InvalidArgument, "The Replay ID validation failed. Ensure that the Replay ID is valid."},
		codeDeliveryLimit:        {codes.ResourceExhausted, "You have exceeded the event delivery limit for your org."},
		codePublishCount:         {codes.InvalidArgument, "The publish request contains no events."},
		codePublishTopicMismatch: {codes.InvalidArgument, "The topic name in the request differs from the topic name of the first request on this stream."},
		codePublishTopicEmpty:    {codes.InvalidArgument, "The topic name of the publish request can't be blank."},
		codePublishRefresh:       {codes.InvalidArgument, "An auth refresh isn't allowed in the first publish request."},
		codePublishIdle:          {codes.DeadlineExceeded, "No publish request was received on the stream for 1800 seconds."},
		codeManagedActive:        {codes.AlreadyExists, "The managed subscription is already in use by another client."},
		codeManagedStopped:       {codes.FailedPrecondition, "The managed subscription is stopped."},
		codeManagedDeleted:       {codes.NotFound, "The managed subscription was deleted."},
		codeManagedName:          {codes.NotFound, "No managed subscription with the developer name %s was found."},
		codeManagedID:            {codes.NotFound, "No managed subscription with the ID %s was found."},
		codeManagedIDInvalid:     {codes.InvalidArgument, "The subscription ID must have 15 or 18 characters."},
		codeManagedWhich:         {codes.InvalidArgument, "Provide either a subscription ID or a developer name."},
		codeManagedCount:         {codes.InvalidArgument, "The number of requested events can't be negative."},
		codeManagedInvalid:       {codes.InvalidArgument, "The fetch request needs a commit request or requested events."},
		codeManagedCommit:        {codes.InvalidArgument, "A commit request isn't allowed in the first fetch request."},
		codeManagedRefresh:       {codes.InvalidArgument, "An auth refresh isn't allowed in the first fetch request."},
	}
}

// rpc is one call in progress: its id goes into answers, error texts and trailers.
type rpc struct {
	server *Server
	ctx    context.Context
	method string
	id     string
	user   string
	orgID  string
}

// fail ends a call with one of the documented codes. arguments fill the text where it has places for them.
func (r *rpc) fail(code string, arguments ...any) error {
	f, ok := r.server.failures[code]
	if !ok {
		f = failure{codes.Internal, "An unknown error code was asked for: " + code + "."}
	}
	text := f.text
	if len(arguments) > 0 {
		text = fmt.Sprintf(text, arguments...)
	}
	r.server.countError(code)
	r.trailer("error-code", errorPrefix+code)
	return status.Error(f.status, text+" rpcId: "+r.id)
}

// broken ends a call the way a lost connection looks to a client: no code, nothing in the trailers.
func (r *rpc) broken() error {
	r.server.countError("connection")
	return status.Error(codes.Unavailable, "RST_STREAM closed stream.")
}

func (r *rpc) trailer(key, value string) {
	// SetTrailer only fails where ctx belongs to no call, which this package never makes.
	_ = grpc.SetTrailer(r.ctx, metadata.Pairs(key, value))
}
