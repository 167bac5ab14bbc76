// The unmodified clients of other people's pages, as one script: `clients.StorageClient`, `clients.Uppy`, ...
export { StorageClient } from '@supabase/storage-js';
export { default as Uppy } from '@uppy/core';
export { default as Tus } from '@uppy/tus';
export { Upload } from 'tus-js-client';
