# Nội dung báo cho chủ tài khoản bằng tiếng Việt. Mọi thông điệp có ở mọi ngôn ngữ, với cùng các biến.
notice-subject = Quy tắc “{ $rule }” áp dụng cho tài khoản của bạn
notice-opening = Thông báo lúc { $at }: tài khoản { $account } của bạn đáp ứng quy tắc “{ $rule }” của “{ $pack }”.
shown-subject = “{ $rule }”: thông tin danh tính của bạn đang được hiển thị
shown-opening = Từ { $at }, quy tắc “{ $rule }” của “{ $pack }” cho hiển thị thông tin danh tính bên cạnh tài khoản { $account } của bạn.
restricted-subject = “{ $rule }”: không hiển thị gì, và các biện pháp đã có hiệu lực
restricted-opening = Từ { $at }, quy tắc “{ $rule }” của “{ $pack }” kéo theo các biện pháp đối với tài khoản { $account } của bạn. Không thông tin danh tính nào được hiển thị.
below-subject = “{ $rule }” không còn áp dụng cho tài khoản của bạn
below-opening = Từ { $at }, quy tắc “{ $rule }” của “{ $pack }” không còn áp dụng cho tài khoản { $account } của bạn. Những gì đã hiển thị được giữ lại trong thời gian quy tắc nêu.
withdrawn-subject = “{ $rule }” đã chấm dứt đối với tài khoản của bạn
withdrawn-opening = Từ { $at }, quy tắc “{ $rule }” của “{ $pack }” đã chấm dứt đối với tài khoản { $account } của bạn. Không còn gì được hiển thị theo quy tắc này.

show = Sẽ hiển thị: { $field }. Người xem được: { $viewers }. Nơi hiển thị: { $surfaces }.
due = Không có gì được hiển thị trước { $due }.
until = Hiển thị chậm nhất đến { $until }, trừ khi quy tắc áp dụng trở lại.
consent-needed = Không có gì được hiển thị nếu bạn không đồng ý, và chỉ những mục bạn nêu rõ. Bạn có thể rút lại sự đồng ý bất cứ lúc nào; khi đó những gì đã hiển thị sẽ được ẩn ngay.
consent-not-needed = Quy tắc không yêu cầu sự đồng ý. Bạn vẫn có thể từ chối; khi đó không có gì được hiển thị.
refused = Nếu bạn từ chối, nền tảng sẽ áp dụng: { $consequences }.
refused-nothing = Nếu bạn từ chối, quy tắc không nêu hậu quả nào.
silent = Nếu bạn không trả lời, nền tảng sẽ áp dụng: { $consequences }.
silent-nothing = Nếu bạn không trả lời, quy tắc không nêu hậu quả nào.
distance = { $number ->
   *[other] Nếu bớt { $count } người theo dõi, quy tắc sẽ không áp dụng.
}
filter = Bạn có thể xóa người theo dõi hàng loạt, xem trước kết quả và hoàn tác trong 30 ngày.
appeal-within = { $number ->
   *[other] Bạn có thể khiếu nại; khiếu nại phải được trả lời trong vòng { $count } ngày.
}
appeal-none = Quy tắc không nêu cách khiếu nại.
help = Nếu việc công khai danh tính khiến bạn gặp nguy hiểm, hoặc bạn chưa đủ tuổi thành niên, hãy báo ngay cho nền tảng: nền tảng có thể đặt lệnh bảo vệ an toàn để ẩn mọi thông tin.

list-two = { $first } và { $second }
list-more = { $first }, { $second }
day = { $time } ngày { $day } tháng { $month } năm { $year } (UTC{ $offset })

field-legal_name = tên hợp pháp của bạn
field-entity_name = tên đăng ký
field-occupation = nghề nghiệp của bạn
field-employer = nơi làm việc của bạn
field-address = địa chỉ bưu chính
field-phone = số điện thoại
field-email = địa chỉ email
field-country = quốc gia
field-region = khu vực
field-credential = chứng chỉ chuyên môn
field-registration_number = số đăng ký
field-address_area = quốc gia và bang (tỉnh) của địa chỉ
coarse-full = { $field }
coarse-first_character = { $field } (chỉ ký tự đầu)
coarse-province = { $field } (không chi tiết hơn cấp tỉnh)
coarse-country = { $field } (chỉ quốc gia)
viewer-logged_out = khách chưa đăng nhập
viewer-unverified = người dùng chưa xác minh danh tính
viewer-verified = người dùng đã xác minh danh tính
viewer-bad_standing = người dùng từng bị xử phạt hoặc có hành vi bất thường
viewer-buyer = người mua hàng của bạn
viewer-holder = chính bạn
viewer-staff = nhân viên của nền tảng
surface-profile = trang cá nhân của bạn
surface-post = bài đăng của bạn
surface-comment = bình luận của bạn
surface-listing = trang bán hàng của bạn
surface-order = đơn hàng
consequence-less_traffic = giảm lưu lượng
consequence-less_revenue = giảm doanh thu
consequence-less_distribution = giảm phân phối
consequence-other_functions_limited = hạn chế các chức năng khác
consequence-less_feed_recommendation = giảm đề xuất trong bảng tin
consequence-less_hot_search = giảm vị trí trong tìm kiếm thịnh hành
consequence-less_ad_share = giảm phần chia quảng cáo
consequence-less_tipping = giảm tiền ủng hộ
consequence-suspend_sales = tạm ngừng bán hàng
consequence-no_selling = không được bán hàng
consequence-no_service = không cung cấp dịch vụ
consequence-no_posting = không được đăng bài
consequence-no_commenting = không được bình luận
consequence-no_public_feed = không vào bảng tin công khai
