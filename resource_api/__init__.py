"""An image gallery with credits: a resource server that verifies access tokens offline."""
