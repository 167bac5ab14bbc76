"""Resumable uploads under /storage/v1/upload/resumable: tus 1.0.0 as Supabase clients speak it."""
