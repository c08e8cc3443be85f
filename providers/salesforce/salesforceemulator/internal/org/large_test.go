package org

import (
	"fmt"
	"testing"
	"time"
)

// fill inserts n accounts, a thousand of them each second.
func fill(tb testing.TB, n int) *Org {
	tb.Helper()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	o, err := New(Options{Clock: func() time.Time { return now }, Seed: 1, Username: "integration@acme.example"})
	if err != nil {
		tb.Fatal(err)
	}
	for i := 0; i < n; i += 1000 {
		now = now.Add(time.Second)
		tx := o.Begin(o.as())
		for k := range min(1000, n-i) {
			if _, err := tx.Insert("Account", Fields{"Name": fmt.Sprintf("Account %07d", i+k), "Industry": "Energy"}); err != nil {
				tb.Fatal(err)
			}
		}
		tx.Commit()
	}
	return o
}

// A sweep reads page after page by SystemModstamp: each page must cost what it returns, not what there is.
func BenchmarkSweepPage(b *testing.B) {
	const n = 200_000
	o := fill(b, n)
	for b.Loop() {
		tx := o.View(o.as())
		res, err := tx.Query("SELECT Id, Name, SystemModstamp FROM Account WHERE SystemModstamp >= 2026-01-01T00:02:00Z ORDER BY SystemModstamp, Id LIMIT 2000", "", QueryOptions{})
		if err != nil || res.Len() != 2000 {
			b.Fatal(err, res.Len())
		}
		tx.Commit()
	}
}

// BenchmarkFilterScan reads all rows once.
func BenchmarkFilterScan(b *testing.B) {
	o := fill(b, 200_000)
	for b.Loop() {
		tx := o.View(o.as())
		if _, err := tx.Query("SELECT COUNT() FROM Account WHERE Industry = 'energy' AND NumberOfEmployees = null", "", QueryOptions{}); err != nil {
			b.Fatal(err)
		}
		tx.Commit()
	}
}

// BenchmarkInsert saves one account after the other, in transactions of 200.
func BenchmarkInsert(b *testing.B) {
	o := fill(b, 0)
	tx := o.Begin(o.as())
	for i := 0; b.Loop(); i++ {
		if i%200 == 199 {
			tx.Commit()
			tx = o.Begin(o.as())
		}
		if _, err := tx.Insert("Account", Fields{"Name": "x", "Industry": "Energy", "BillingCity": "Berlin"}); err != nil {
			b.Fatal(err)
		}
	}
	tx.Commit()
}
