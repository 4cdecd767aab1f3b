package main

import (
	"context"
	"hash/fnv"
	"sync"
	"time"
)

const priceLifetime = 500 * time.Millisecond

// priceCache is the contended part: one mutex for all prices, held while a stale one is fetched from the database.
type priceCache struct {
	ledger *pool
	mu     sync.Mutex
	prices map[string]price
}

type price struct {
	cents   int
	fetched time.Time
}

func newPriceCache(ledger *pool) *priceCache {
	return &priceCache{ledger: ledger, prices: make(map[string]price)}
}

func (c *priceCache) get(ctx context.Context, item string) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known, ok := c.prices[item]
	if ok && time.Since(known.fetched) < priceLifetime {
		return known.cents, nil
	}
	hash := fnv.New32a()
	for _, column := range []string{"price", "discount", "stock"} {
		answer, err := c.ledger.query(ctx, "select "+column+" of "+item)
		if err != nil {
			return 0, err
		}
		hash.Write([]byte(answer))
	}
	known = price{cents: 100 + int(hash.Sum32()%9900), fetched: time.Now()}
	c.prices[item] = known
	return known.cents, nil
}
