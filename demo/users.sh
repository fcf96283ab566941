# Sourced: the claims of a user of each of two tenants.
aurore='{"sub":"629c9c1c-4788-1a0d-54bc-f619f4badd5f","organization_id":"a0000000-0000-4000-8000-000000000001","role":"authenticated"}'
cobalt='{"sub":"9ad1a45d-dae3-eee5-5e49-e1684b7c4fae","organization_id":"c0000000-0000-4000-8000-000000000003","role":"authenticated"}'
