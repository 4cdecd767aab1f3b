"""gRPC: the calls the gateway answers, over HTTP/2 and as gRPC-Web."""
