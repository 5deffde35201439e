"""What the pages and endpoints share: state, forms, cookies, CSRF, pages, problem details, headers."""
