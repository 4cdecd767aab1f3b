package main

import (
	"bufio"
	"context"
	"math/rand"
	"net"
	"time"
)

const poolSize = 4

// databaseLatency and paymentLatency are what the two back ends take to answer.
func databaseLatency() time.Duration {
	return 2*time.Millisecond + time.Duration(rand.Int63n(int64(6*time.Millisecond)))
}

func paymentLatency() time.Duration {
	latency := 15*time.Millisecond + time.Duration(rand.ExpFloat64()*float64(20*time.Millisecond))
	if latency > time.Second {
		return time.Second
	}
	return latency
}

// serveSlowly starts a line server on loopback that echoes each line after latency(), and returns its address.
func serveSlowly(latency func() time.Duration) (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go answer(conn, latency)
		}
	}()
	return listener.Addr().String(), nil
}

func answer(conn net.Conn, latency func() time.Duration) {
	defer conn.Close()
	reader := bufio.NewReader(conn)
	for {
		line, err := reader.ReadSlice('\n')
		if err != nil {
			return
		}
		time.Sleep(latency())
		if _, err := conn.Write(line); err != nil {
			return
		}
	}
}

// pool is a fixed number of database connections; who finds none free waits.
type pool struct {
	addr string
	free chan *connection
}

type connection struct {
	net.Conn
	reader *bufio.Reader
}

func newPool(addr string, size int) *pool {
	p := &pool{addr: addr, free: make(chan *connection, size)}
	for i := 0; i < size; i++ {
		p.free <- nil
	}
	return p
}

func (p *pool) query(ctx context.Context, statement string) (string, error) {
	conn, err := p.acquire(ctx)
	if err != nil {
		return "", err
	}
	answer, err := conn.ask(statement)
	if err != nil {
		conn.Close()
		conn = nil
	}
	p.free <- conn
	return answer, err
}

func (p *pool) acquire(ctx context.Context) (*connection, error) {
	select {
	case conn := <-p.free:
		if conn != nil {
			return conn, nil
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	conn, err := dial(p.addr)
	if err != nil {
		p.free <- nil
	}
	return conn, err
}

func dial(addr string) (*connection, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &connection{conn, bufio.NewReader(conn)}, nil
}

func (c *connection) ask(question string) (string, error) {
	if _, err := c.Write([]byte(question + "\n")); err != nil {
		return "", err
	}
	return c.reader.ReadString('\n')
}

// paymentClient asks a slow provider, over a new connection each time: nobody thought of keeping one.
type paymentClient struct{ addr string }

func newPaymentClient(addr string) *paymentClient { return &paymentClient{addr} }

func (c *paymentClient) charge(ctx context.Context, price int) error {
	conn, err := dial(c.addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.ask("charge")
	return err
}
