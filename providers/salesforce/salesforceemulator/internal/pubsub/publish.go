package pubsub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"accord/providers/salesforce/internal/eventbus"
	"accord/providers/salesforce/salesforceemulator/internal/changefeed"
)

// publishIdle is how long a publish stream may stay silent, by the table of error codes; the comments of the
// vendor's proto say 70 seconds.
const publishIdle = 1800 * time.Second

// Publish takes platform events of one topic. Each event has a result of its own; the call fails only as a whole.
func (v *service) Publish(ctx context.Context, request *eventbus.PublishRequest) (*eventbus.PublishResponse, error) {
	r, err := v.server.begin(ctx, "Publish")
	if err != nil {
		return nil, err
	}
	if request.GetAuthRefresh() != "" {
		return nil, r.fail(codePublishRefresh)
	}
	answer, err := r.publish(request)
	return done(r, answer, err)
}

// PublishStream is Publish for many requests over one connection. The first one fixes the topic.
func (v *service) PublishStream(stream eventbus.PubSub_PublishStreamServer) error {
	s := v.server
	r, err := s.begin(stream.Context(), "PublishStream")
	if err != nil {
		return err
	}
	if !s.openStream() {
		return r.fail(codeClientLimit)
	}
	defer s.closeStream()
	type arrival struct {
		request *eventbus.PublishRequest
		err     error
	}
	arrivals := make(chan arrival)
	go func() {
		for {
			request, err := stream.Recv()
			select {
			case arrivals <- arrival{request, err}:
			case <-stream.Context().Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	topicName := ""
	for {
		fired, stop := s.options.Clock.Timer(publishIdle)
		var next arrival
		select {
		case next = <-arrivals:
			stop()
		case <-fired:
			return r.fail(codePublishIdle)
		case <-s.closed:
			stop()
			return r.fail(codeServiceUnavailable)
		case <-stream.Context().Done():
			stop()
			return stream.Context().Err()
		}
		if errors.Is(next.err, io.EOF) {
			return nil
		}
		if next.err != nil {
			return next.err
		}
		if topicName == "" {
			if next.request.GetAuthRefresh() != "" {
				return r.fail(codePublishRefresh)
			}
			topicName = next.request.GetTopicName()
		} else if name := next.request.GetTopicName(); name != "" && name != topicName {
			return r.fail(codePublishTopicMismatch)
		}
		answer, err := r.publish(&eventbus.PublishRequest{TopicName: topicName, Events: next.request.GetEvents()})
		answer, err = done(r, answer, err)
		if err != nil {
			return err
		}
		if err := stream.Send(answer); err != nil {
			return r.received(err)
		}
	}
}

func (r *rpc) publish(request *eventbus.PublishRequest) (*eventbus.PublishResponse, error) {
	s := r.server
	if request.GetTopicName() == "" {
		return nil, r.fail(codePublishTopicEmpty)
	}
	if len(request.GetEvents()) == 0 {
		return nil, r.fail(codePublishCount)
	}
	t, err := r.topic(request.GetTopicName())
	if err != nil {
		return nil, err
	}
	if !s.canPublish(r.user, t) {
		return nil, r.fail(codeTopicPermission, r.orgID, t.name)
	}
	answer := &eventbus.PublishResponse{RpcId: r.id}
	if current, ok := s.currentSchema(t.object); ok {
		answer.SchemaId = current.id
	}
	for _, event := range request.GetEvents() {
		result := &eventbus.PublishResult{CorrelationKey: event.GetId()}
		id, err := r.publishOne(t, event)
		if err != nil {
			result.Error = &eventbus.Error{Code: eventbus.ErrorCode_PUBLISH, Msg: err.Error()}
		} else {
			result.ReplayId = s.replayOf(id)
			if result.CorrelationKey == "" {
				result.CorrelationKey = id
			}
		}
		answer.Results = append(answer.Results, result)
	}
	return answer, nil
}

// publishOne decodes one event with the schema its publisher names and hands it to the org.
func (r *rpc) publishOne(t topic, event *eventbus.ProducerEvent) (id string, err error) {
	s := r.server
	if len(event.GetPayload()) > maxEvent {
		return "", fmt.Errorf("the event has %d bytes; %d are allowed", len(event.GetPayload()), maxEvent)
	}
	schema, ok := s.schemas.byID(event.GetSchemaId())
	if !ok || schema.name != t.object {
		return "", fmt.Errorf("the schema ID %q isn't one of %s", event.GetSchemaId(), t.object)
	}
	var decoded any
	rest, err := schema.codec.Decode(event.GetPayload(), &decoded)
	if err != nil {
		return "", fmt.Errorf("the payload doesn't fit its schema: %w", err)
	}
	values, ok := decoded.(map[string]any)
	if !ok || len(rest) > 0 {
		return "", fmt.Errorf("the payload doesn't fit its schema: %d bytes too many", len(rest))
	}
	if id = event.GetId(); id == "" {
		id = s.newUUID()
	}
	published := changefeed.PlatformEvent{Object: t.object, ID: id, Values: map[string]any{}, User: r.user, Created: s.clock()}
	for _, field := range schema.fields[2:] {
		if value := fromAvro(field.kind, values[field.name]); value != nil {
			published.Values[field.name] = value
		}
	}
	if err := s.schema.Publish(published); err != nil {
		return "", fmt.Errorf("the org refused the event: %w", err)
	}
	return id, nil
}

// replayOf finds the replay id a platform event just got; nil when it was lost on the way.
func (s *Server) replayOf(id string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.events.entries) - 1; i >= 0; i-- {
		if e := s.events.entries[i]; e.event != nil && e.event.id == id {
			return replayID(e.counter)
		}
	}
	return nil
}
