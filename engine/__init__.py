"""Where the parts meet: client, worker, books and servers, composed for the programs at the top."""
