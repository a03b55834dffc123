//! Which request gets which answer. Pure: a request in, a response out.

use crate::http::{Request, Response};
use crate::pricing;

pub fn answer(request: &Request) -> Response {
    if request.method != "GET" {
        return Response::new(405, "only GET is served");
    }
    match request.path.as_str() {
        "/price" => price(request),
        "/total" => total(request),
        _ => Response::new(404, "no such page"),
    }
}

fn price(request: &Request) -> Response {
    let number = |name| request.param(name).and_then(|v| v.parse().ok());
    let (Some(cents), Some(percent)) = (number("cents"), number("percent")) else {
        return Response::new(400, "cents and percent must be whole numbers");
    };
    match pricing::discounted(cents, percent) {
        Some(cents) => Response::new(200, cents.to_string()),
        None => Response::new(400, "no such discount"),
    }
}

fn total(request: &Request) -> Response {
    let cents: Option<Vec<u64>> = request
        .param("cents")
        .and_then(|list| list.split(',').map(|c| c.parse().ok()).collect());
    match cents.and_then(|cents| pricing::total(&cents)) {
        Some(sum) => Response::new(200, sum.to_string()),
        None => Response::new(400, "cents must be whole numbers"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(target: &str) -> (u16, String) {
        let response = answer(&Request::get(target));
        (response.status, response.body)
    }

    #[test]
    fn a_price_is_discounted() {
        assert_eq!(get("/price?cents=1000&percent=15"), (200, "850".into()));
    }

    #[test]
    fn a_total_is_summed() {
        assert_eq!(get("/total?cents=1,20,300"), (200, "321".into()));
    }

    #[test]
    fn bad_numbers_are_refused() {
        assert_eq!(get("/price?cents=ten&percent=1").0, 400);
        assert_eq!(get("/price?cents=10").0, 400);
        assert_eq!(get("/total?cents=1,,2").0, 400);
    }

    #[test]
    fn other_methods_and_pages_are_refused() {
        assert_eq!(get("/nothing").0, 404);
        let mut post = Request::get("/price");
        post.method = "POST".into();
        assert_eq!(answer(&post).status, 405);
    }
}
