"""Several gateways that keep together, in Redis or Valkey, what each of them takes."""
