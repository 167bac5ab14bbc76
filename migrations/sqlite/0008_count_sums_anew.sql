-- Sums of pieces are CRC-64 now, and were CRC-32: without any, a blob is compared with its SHA-256.
UPDATE storage_blobs SET piece_sums = NULL WHERE piece_sums IS NOT NULL;
