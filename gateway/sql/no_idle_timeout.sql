-- Between two parts of a snapshot the session waits for its client. How long that may be is the gateway's to say.
SELECT pg_catalog.set_config('idle_in_transaction_session_timeout', '0', true)
