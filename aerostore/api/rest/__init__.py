"""REST under /storage/v1, as Supabase's clients speak it."""
