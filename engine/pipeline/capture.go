package pipeline

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"accord/engine/ledger"
	"accord/engine/provider"
	"accord/engine/record"
)

// watch captures what vendors report until ctx ends. A vendor's event is acknowledged only once it is in the ledger.
func (p *Pipeline) watch(ctx context.Context) error {
	p.opened.Store(p.cfg.Clock().UnixMilli())
	defer p.opened.Store(0)
	g, ctx := errgroup.WithContext(ctx)
	for address := range p.bindings {
		g.Go(func() error {
			// A vendor that calls may call any worker; of one that is listened to, one worker takes the stream.
			if _, called := p.providers[address].(provider.Receiver); called {
				return p.watchOne(ctx, address, p.cfg.Ledger)
			}
			err := p.role(ctx, watching+address, func(ctx context.Context, l *ledger.Ledger) error { return p.watchOne(ctx, address, l) })
			if ctx.Err() != nil {
				return nil
			}
			return err
		})
	}
	return g.Wait()
}

// watchOne captures what one connection reports.
func (p *Pipeline) watchOne(ctx context.Context, address string, l *ledger.Ledger) error {
	return p.follow(ctx, address, address, func(ctx context.Context) error {
		cursors, err := l.Cursors(ctx, address)
		if err != nil {
			return fmt.Errorf("read the cursors of %s: %w", address, err)
		}
		err = p.providers[address].Watch(ctx, p.bindings[address], cursors, p.emit(address, l))
		return fmt.Errorf("watch %s: %w", address, err)
	})
}

// emit brings one batch of a connection's changes into the ledger, with the cursor behind them, in one transaction.
func (p *Pipeline) emit(address string, l *ledger.Ledger) provider.Emit {
	return func(ctx context.Context, changes []record.Change, cursor provider.Cursor) error {
		c := ledger.Capture{Priority: ledger.PriorityLive}
		for _, ch := range changes {
			o := p.object(ch.Object)
			if o == nil {
				continue // of an object that the contract in force has not
			}
			side := record.Left
			if o.side(record.Right) == address {
				side = record.Right
			}
			c.Observations = append(c.Observations, ledger.Observation{
				Object: ch.Object, Side: side, Record: ch.Record, Partial: ch.Partial, Ours: ch.Ours, Event: ch.Event,
			})
		}
		if cursor.Name != "" {
			c.Cursor = &ledger.Cursor{Connection: address, Name: cursor.Name, Position: cursor.Position}
		}
		done, err := l.Capture(ctx, c)
		if err != nil {
			return fmt.Errorf("capture %d changes of %s: %w", len(changes), address, err)
		}
		p.cfg.Logger.Debug("captured", "connection", address, "changes", len(changes), "new", done.Created, "changed", done.Updated)
		p.stir()
		return nil
	}
}

// refresh reads the records that events only pointed at, in the fewest calls.
func (p *Pipeline) refresh(ctx context.Context, o *object) (bool, error) {
	worked := false
	for _, side := range record.Sides {
		dirty, err := o.ledger.DirtyRecords(ctx, o.Name, side, readBatch)
		if err != nil {
			return worked, fmt.Errorf("ask what of %s must be read: %w", o.Name, err)
		}
		if len(dirty) == 0 {
			continue
		}
		ids := make([]string, len(dirty))
		for i, d := range dirty {
			ids[i] = d.ID
		}
		records, err := o.Records[side].Read(ctx, ids)
		if err != nil {
			return worked, o.refusal(side, "read", err)
		}
		c := ledger.Capture{Priority: ledger.PriorityLive}
		for i, r := range records {
			c.Observations = append(c.Observations, ledger.Observation{Object: o.Name, Side: side, Record: r, Full: true, DirtyGen: dirty[i].Gen})
		}
		if _, err := o.ledger.Capture(ctx, c); err != nil {
			return worked, fmt.Errorf("capture %d records of %s read at %s: %w", len(records), o.Name, o.side(side), err)
		}
		worked = true
	}
	return worked, nil
}

// readBatch is how many records are read at a time: a few calls of either vendor.
const readBatch = 500

func (p *Pipeline) object(name string) *object {
	for _, o := range p.objects {
		if o.Name == name {
			return o
		}
	}
	return nil
}
