package fault

import (
	"fmt"
	"slices"
	"sync"
)

// Script is the list of faults still to come. It is safe for concurrent use; the zero value is empty.
type Script struct {
	mu   sync.Mutex
	list []*Fault
}

// Add puts a fault at the end. One that makes no sense is refused.
func (s *Script) Add(f Fault) error {
	if err := f.Check(); err != nil {
		return fmt.Errorf("adding a fault: %w", err)
	}
	if f.Count == 0 {
		f.Count = 1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, &f)
	return nil
}

// Clear forgets what has not happened yet.
func (s *Script) Clear() { s.Replace(nil) }

// Remaining lists what has not happened yet: the position in the script.
func (s *Script) Remaining() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Fault, len(s.list))
	for i, f := range s.list {
		out[i] = *f
	}
	return out
}

// Replace puts what Remaining gave in the place of what there is.
func (s *Script) Replace(faults []Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = nil
	for _, f := range faults {
		s.list = append(s.list, &f)
	}
}

// Take uses up one occurrence of the first fault that matches. Each matching fault that is still skipping skips once.
func (s *Script) Take(matches func(*Fault) bool) (Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.list {
		if !matches(f) {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		if f.Count > 0 {
			if f.Count--; f.Count == 0 {
				s.list = slices.Delete(s.list, i, i+1)
			}
		}
		return *f, true
	}
	return Fault{}, false
}

// TakeEvent uses up one occurrence of a fault of events of the object.
func (s *Script) TakeEvent(k Kind, object string) (Fault, bool) {
	return s.Take(func(f *Fault) bool { return f.Kind == k && (f.Object == "" || f.Object == object) })
}

// TakeStream uses up one occurrence of a fault of streams of the topic.
func (s *Script) TakeStream(k Kind, topic string) bool {
	_, ok := s.Take(func(f *Fault) bool { return f.Kind == k && (f.Topic == "" || f.Topic == topic) })
	return ok
}
