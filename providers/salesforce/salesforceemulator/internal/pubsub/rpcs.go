package pubsub

import (
	"context"

	"accord/providers/salesforce/internal/eventbus"
)

// service is the gRPC face of a Server. It is a type of its own because Server.Publish is the feed's.
type service struct {
	eventbus.UnimplementedPubSubServer
	server *Server
}

var _ eventbus.PubSubServer = (*service)(nil)

// GetTopic answers what the caller may do with a topic, and its current schema. A channel of several
// entities has no schema of its own.
func (v *service) GetTopic(ctx context.Context, request *eventbus.TopicRequest) (*eventbus.TopicInfo, error) {
	r, err := v.server.begin(ctx, "GetTopic")
	if err != nil {
		return nil, err
	}
	if request.GetTopicName() == "" {
		return nil, r.fail(codeTopicEmpty)
	}
	t, err := r.topic(request.GetTopicName())
	if err != nil {
		return nil, err
	}
	info := &eventbus.TopicInfo{
		TopicName: t.name, TenantGuid: r.orgID, RpcId: r.id,
		CanSubscribe: v.server.canSubscribe(r.user, t),
		CanPublish:   v.server.canPublish(r.user, t),
	}
	if t.object != "" {
		if current, ok := v.server.currentSchema(t.object); ok {
			info.SchemaId = current.id
		}
	}
	return done(r, info, nil)
}

// GetSchema answers the Avro schema an id stands for. Ids of earlier schemas stay valid.
func (v *service) GetSchema(ctx context.Context, request *eventbus.SchemaRequest) (*eventbus.SchemaInfo, error) {
	r, err := v.server.begin(ctx, "GetSchema")
	if err != nil {
		return nil, err
	}
	id := request.GetSchemaId()
	if id == "" {
		return nil, r.fail(codeSchemaInvalid)
	}
	schema, ok := v.server.schemas.byID(id)
	if !ok {
		return nil, r.fail(codeSchemaPermission, id)
	}
	return done(r, &eventbus.SchemaInfo{SchemaJson: schema.json, SchemaId: id, RpcId: r.id}, nil)
}

// ManagedSubscribe answers as an org without managed subscriptions does: whichever is asked for is not found.
func (v *service) ManagedSubscribe(stream eventbus.PubSub_ManagedSubscribeServer) error {
	r, err := v.server.begin(stream.Context(), "ManagedSubscribe")
	if err != nil {
		return err
	}
	request, err := stream.Recv()
	if err != nil {
		return r.received(err)
	}
	id, name := request.GetSubscriptionId(), request.GetDeveloperName()
	switch {
	case (id == "") == (name == ""):
		return r.fail(codeManagedWhich)
	case request.GetCommitReplayIdRequest() != nil:
		return r.fail(codeManagedCommit)
	case request.GetAuthRefresh() != "":
		return r.fail(codeManagedRefresh)
	case request.GetNumRequested() < 0:
		return r.fail(codeManagedCount)
	case name != "":
		return r.fail(codeManagedName, name)
	case len(id) != 15 && len(id) != 18:
		return r.fail(codeManagedIDInvalid)
	default:
		return r.fail(codeManagedID, id)
	}
}
