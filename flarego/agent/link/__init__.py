"""The way to the gateway: gRPC over one HTTP/2 connection, on a plain socket and without asyncio.

grpcio and grpclib cost 37 and 25 MB before they have sent anything, which is most of what the whole agent may take;
h2 knows the protocol and leaves sockets, threads and time to us.
"""
