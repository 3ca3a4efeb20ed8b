package serve

import (
	"errors"
	"fmt"
	"sync"

	"coldstream/internal/function"
	"coldstream/internal/sentiment"
)

// leastPart is how many texts are worth a processor of their own: enough for
// the engine's batched paths.
const leastPart = 64

// spread is a Scorer that scores a large batch on the processors that are idle,
// besides the one whose slot the request has.
type spread struct {
	function.Scorer
	slots chan struct{}
}

func (s *spread) Classify(dst []sentiment.Result, texts []string) ([]sentiment.Result, error) {
	parts := 1
	for parts < len(texts)/leastPart && s.idle() {
		parts++
	}
	if parts == 1 {
		return s.Scorer.Classify(dst, texts)
	}
	results, errs := make([][]sentiment.Result, parts), make([]error, parts)
	part := func(i int) []string { return texts[len(texts)*i/parts : len(texts)*(i+1)/parts] }
	var others sync.WaitGroup
	for i := 1; i < parts; i++ {
		others.Go(func() {
			defer func() {
				<-s.slots
				if v := recover(); v != nil { // nobody else would: the process would end
					errs[i] = fmt.Errorf("panic: %v", v)
				}
			}()
			results[i], errs[i] = s.Scorer.Classify(nil, part(i))
		})
	}
	results[0], errs[0] = s.Scorer.Classify(dst, part(0))
	others.Wait()
	if err := errors.Join(errs...); err != nil {
		return dst, err
	}
	all := results[0]
	for _, r := range results[1:] {
		all = append(all, r...)
	}
	return all, nil
}

// idle takes a slot if there is one to spare.
func (s *spread) idle() bool {
	select {
	case s.slots <- struct{}{}:
		return true
	default:
		return false
	}
}
